//! nginx as a reverse proxy at its lightest: what the cheapest copying of bytes costs. Only where it is installed.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Result,
    plan::Plan,
    pool::free_address,
    process::{Process, with_many_files},
};

const WORKERS: usize = 2;
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether there is one on the path.
pub(crate) fn is_here() -> bool {
    let version = Command::new("nginx").arg("-v").stdin(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Starts it with all it writes in the new folder `home`.
pub(crate) fn start(plan: &Plan, upstream: SocketAddr, home: &Path) -> Result<(Process, SocketAddr)> {
    fs::create_dir(home)?;
    let address = free_address()?;
    let configuration = home.join("nginx.conf");
    fs::write(&configuration, configured(plan, address, upstream))?;
    let mut command = with_many_files("nginx".as_ref());
    command.arg("-p").arg(home).arg("-c").arg(&configuration).args(["-e", "stderr"]);
    // In the file where a server logs, so that its last words are found as well.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(home.join("server.log"))?);
    let mut process = Process::start(&mut command)?;
    wait(&mut process, address)?;
    Ok((process, address))
}

fn wait(process: &mut Process, address: SocketAddr) -> Result<()> {
    let start = Instant::now();
    while TcpStream::connect(address).is_err() || process.adopt()? < WORKERS {
        if let Some(status) = process.ended()? {
            return Err(format!("nginx ended with {status}").into());
        }
        if start.elapsed() > PATIENCE {
            return Err(format!("nginx was not ready after {PATIENCE:?}").into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

// A worker may get more than its share of the connections, and sets its memory for them aside at once.
fn configured(plan: &Plan, address: SocketAddr, upstream: SocketAddr) -> String {
    let connections = plan.connections();
    let descriptors = plan.descriptors();
    format!(
        "daemon off;
worker_processes {WORKERS};
error_log stderr crit;
pid nginx.pid;
events {{ worker_connections {descriptors}; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path client_body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream mock {{
        server {upstream};
        keepalive {connections};
        keepalive_requests 1000000000;
    }}
    server {{
        listen {address} backlog=4096;
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering off;
        }}
    }}
}}
"
    )
}
