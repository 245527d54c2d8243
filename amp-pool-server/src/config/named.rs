//! Settings by name, as a host application has them.

use clap::{Args as _, Command, FromArgMatches as _, builder::Resettable};

use super::{Flags, Settings, SettingsError};

/// Settings of the binary alone: a program that holds the server has its own ways to log.
const NOT_HERE: [&str; 2] = ["log_format", "rust_log"];

impl Settings {
    /// From names and values. The names are those of the flags, with `_` for `-`; what is not named has its default. The
    /// environment and `.env` have no say.
    ///
    /// ```
    /// use amp_pool_server::config::Settings;
    ///
    /// let settings = Settings::named([("port", "0"), ("data_dir", "/var/lib/amp-pool")])?;
    /// assert_eq!(settings.port, 0);
    ///
    /// let wrong = Settings::named([("port", "many")]).err().unwrap().to_string();
    /// assert_eq!(wrong, "settings: invalid value 'many' for '--port <PORT>': invalid digit found in string");
    /// # Ok::<(), amp_pool_server::config::SettingsError>(())
    /// ```
    ///
    /// # Errors
    /// For a name that is none, and for what [`Flags::check`] refuses.
    pub fn named<N: AsRef<str>, V: AsRef<str>>(
        settings: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, SettingsError> {
        let definition = definition();
        let mut line = vec!["settings".to_owned()];
        for (name, value) in settings {
            let (name, value) = (name.as_ref(), value.as_ref());
            if !is_known(&definition, name) {
                return Err(wrong(format!("`{name}` is no setting")));
            }
            line.push(format!("--{}={value}", name.replace('_', "-")));
        }
        let matches = definition.try_get_matches_from(line).map_err(|error| wrong(first_line(&error.to_string())))?;
        Flags::from_arg_matches(&matches).map_err(|error| wrong(first_line(&error.to_string())))?.check()
    }
}

fn definition() -> Command {
    Flags::augment_args(Command::new("settings")).mut_args(|arg| arg.env(Resettable::Reset))
}

fn is_known(definition: &Command, name: &str) -> bool {
    let long = name.replace('_', "-");
    !name.contains('-')
        && !NOT_HERE.contains(&name)
        && definition.get_arguments().any(|arg| arg.get_long() == Some(long.as_str()))
}

fn wrong(message: String) -> SettingsError {
    SettingsError::new("settings", message)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, expected: &str) {
        let found = Settings::named([(name, value)]).map_or_else(|error| error.to_string(), |_| String::new());
        assert_eq!(found, expected, "{name} = {value}");
    }

    #[test]
    fn the_readme_names_every_setting() {
        let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
        let settings = Flags::augment_args(Command::new("settings"));
        let names: Vec<_> = settings.get_arguments().filter_map(|arg| arg.get_env()?.to_str()).collect();
        assert!(names.len() > 40, "{names:?}");
        for name in names {
            assert!(readme.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn what_is_no_setting_is_refused_by_name() {
        check("amp_pool_durability", "normal", "");
        check("database_url", "memory:", "");
        check("db_echo", "true", "");
        check("prot", "1", "settings: `prot` is no setting");
        check("data-dir", "x", "settings: `data-dir` is no setting");
        check("rust_log", "debug", "settings: `rust_log` is no setting");
        check("amp_pool_admin_token", "short", "AMP_POOL_ADMIN_TOKEN: has 5 characters, 32 or more are needed");
    }
}
