//! The `amp-pool-server` binary: reads the settings, starts the runtime, turns failures into exit codes.

use std::{fmt, io::Write as _, process::ExitCode, time::Duration};

use amp_pool_core::{
    handle::{ReRate, ReRated},
    store::Audit,
};
use amp_pool_server::{
    Import, ServeError, Server, app,
    config::{Command, CommandLine, Settings, SettingsError},
    copies, healthcheck,
};

mod hardened;
mod logs;
mod panics;
mod signals;

use signals::HangUps;

// The library leaves the choice of an allocator to its host; this is the host.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("amp-pool-server: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run() -> Result<ExitCode, Failure> {
    hardened::begin();
    panics::tell_without_data();
    // Before any thread exists: the environment must not change under a reader.
    let from_file = load_dotenv()?;
    let mut line = match CommandLine::read(std::env::args_os()) {
        Ok(line) => line,
        Err(asked) if !asked.use_stderr() => {
            print(&asked.to_string());
            return Ok(ExitCode::SUCCESS);
        }
        Err(wrong) => return Err(Failure::Usage(first_line(&wrong.to_string()))),
    };
    line.loaded(&from_file);
    match line.command.unwrap_or_default() {
        Command::Routes => print(&app::list_routes()),
        Command::Healthcheck => healthcheck::check(&line.flags.check()?).map_err(Failure::Unhealthy)?,
        Command::Backup { file } => print(&copies::back_up(&line.flags.check()?, &file)?),
        Command::Restore { file, check: true } => print(&copies::check(&line.flags.check()?, &file)?),
        Command::Restore { file, check: false } => print(&copies::restore(&line.flags.check()?, &file)?),
        Command::Rekey => print(&wait_for(copies::rekey(&line.flags.check()?))?),
        Command::Import { file, provider, time_zone, dry_run } => {
            logs::start(line.flags.log_format, &line.flags.rust_log)?;
            let wanted = Import { file, provider, zone: time_zone, dry_run };
            print(&wait_for(amp_pool_server::import(line.flags.check()?, wanted))?);
        }
        Command::ReRate { from, to, model, dry_run } => {
            logs::start(line.flags.log_format, &line.flags.rust_log)?;
            let wanted = ReRate { from, to, model, dry_run, who: "command line".into(), note: String::new() };
            print(&told(&wait_for(amp_pool_server::re_rate(line.flags.check()?, wanted))?, dry_run));
        }
        Command::Audit => return audit(&line.flags.check()?),
        Command::Serve => {
            logs::start(line.flags.log_format, &line.flags.rust_log)?;
            warn_of_unknown_variables();
            hardened::warn_of_root();
            serve(line.flags.check()?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what rating again did.
fn told(done: &ReRated, dry_run: bool) -> String {
    let ReRated { calls, adjusted, became_known, still_unknown, before, after } = done;
    let would = if dry_run { " (dry run: nothing was written)" } else { "" };
    format!(
        "{calls} calls, {adjusted} adjusted from {before} to {after} USD, {became_known} of them without a known cost \
         before; {still_unknown} still without{would}\n"
    )
}

fn wait_for<T>(work: impl Future<Output = Result<T, ServeError>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::Runtime)?;
    Ok(runtime.block_on(work)?)
}

/// Says what agrees and what does not.
fn audit(settings: &Settings) -> Result<ExitCode, Failure> {
    let Audit { calls, open, attempts, sums, holds, budgets, discrepancies, findings } =
        wait_for(copies::audit(settings))?;
    let told: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    print(&format!(
        "{told}{calls} calls ({open} open), {attempts} attempts, {sums} sums, {holds} holds, {budgets} budgets: \
         {discrepancies} discrepancies\n"
    ));
    Ok(if discrepancies == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Threads that serve: one for two processors. Where there are more, those that have nothing to do wake each other and take over
/// half-done calls, whose data another processor has at hand: on two processors a call costs a tenth more then. The other half
/// of the processors is not idle: it writes the books, serves the network, and takes apart what is large (`front::heavy`).
fn serving_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| processors.get().div_ceil(2))
}

fn serve(settings: Settings) -> Result<(), Failure> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(serving_threads()).enable_all().build().map_err(Failure::Runtime)?;
    let served = runtime.block_on(async {
        let (stop, hurry) = signals::watch().map_err(Failure::Runtime)?;
        let hang_ups = settings.front.tls.is_some().then(HangUps::new).transpose().map_err(Failure::Runtime)?;
        let server = Server::bind(settings).await?;
        if let (Some(hang_ups), Some(reload)) = (hang_ups, server.reload()) {
            hang_ups.each(move || reload.now());
        }
        server.run(stop, hurry).await;
        Ok(())
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    served
}

/// Reads `.env` of the working directory, if there is one, and gives the names that came from it. What the environment
/// has already wins.
fn load_dotenv() -> Result<Vec<String>, Failure> {
    // The error of a bad line holds the line, and the line may hold a secret.
    let unreadable =
        |_| Failure::Usage("`.env` in the working directory cannot be read or has a line that is no NAME=value".into());
    let lines: Vec<_> = match dotenvy::from_path_iter(".env") {
        Ok(lines) => lines.collect::<Result<_, _>>().map_err(unreadable)?,
        Err(dotenvy::Error::Io(missing)) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let is_new = |(name, _): &(String, String)| std::env::var_os(name).is_none();
    let names = lines.into_iter().filter(is_new).map(|(name, _)| name).collect();
    dotenvy::from_path(".env").map_err(unreadable)?;
    Ok(names)
}

fn warn_of_unknown_variables() {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in CommandLine::unknown_variables(names) {
        tracing::warn!("the environment variable `{name}` is not a setting of this server and has no effect");
    }
}

/// To a reader that may have seen enough: `routes | head` is no failure.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// Why the process ends with an exit code.
enum Failure {
    Usage(String),
    Settings(SettingsError),
    Serve(ServeError),
    Unhealthy(healthcheck::Unhealthy),
    Runtime(std::io::Error),
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Settings(_) => 2,
            Self::Serve(error) => error.exit_code(),
            Self::Unhealthy(_) | Self::Runtime(_) => 1,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) => f.write_str(message),
            Self::Settings(error) => error.fmt(f),
            Self::Serve(error) => error.fmt(f),
            Self::Unhealthy(error) => error.fmt(f),
            Self::Runtime(error) => write!(f, "the runtime cannot start: {error}"),
        }
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::Serve(error)
    }
}
