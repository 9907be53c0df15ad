//! The Secret Service on the session bus: gnome-keyring, `KWallet`, `KeePassXC`.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use secret_service::{Collection, EncryptionType, Error, Item, SecretService};
use zbus::{Connection, DBusError as _};

use crate::platform::user_id;

use super::{Keyring, KeyringAnswer, KeyringEntry, KeyringFailure};

/// The time limit for the first answer of the bus and the service together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The attribute that distinguishes entries with the same names, set as in the `keyring` crate,
/// which the Codex CLI uses.
const TARGET: &str = "default";

/// The application that made an entry, as the Codex CLI names it: ours look the same.
const APPLICATION: &str = "rust-keyring";

/// The session bus. It is connected to for each request.
pub struct SessionBus;

impl Keyring for SessionBus {
    fn may_exist(&self) -> bool {
        // zbus looks for the bus in the same places.
        let folder = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
        let folder = folder.map(PathBuf::from);
        let usual = || user_id().map(|user| format!("/run/user/{user}").into());
        let socket = folder.or_else(usual).map(|folder| folder.join("bus"));
        std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some()
            || socket.is_some_and(|socket| socket.exists())
    }

    fn read(&self, entry: KeyringEntry, may_unlock: bool) -> KeyringAnswer<Option<Vec<u8>>> {
        Box::pin(async move {
            let service = connect().await?;
            let items = find(&service, &entry, may_unlock).await?;
            let Some(item) = newest(&items).await? else {
                return Ok(None);
            };
            Ok(Some(item.get_secret().await?))
        })
    }

    fn unlock(&self, entry: KeyringEntry) -> KeyringAnswer<()> {
        Box::pin(async move {
            let service = connect().await?;
            if find(&service, &entry, true).await?.is_empty() {
                unlocked_collection(&service).await?;
            }
            Ok(())
        })
    }

    fn write(&self, entry: KeyringEntry, secret: SecretString) -> KeyringAnswer<()> {
        Box::pin(async move {
            let service = connect().await?;
            let items = find(&service, &entry, true).await?;
            let secret = secret.expose_secret().as_bytes();
            if let Some(item) = newest(&items).await? {
                item.set_secret(secret, "text/plain").await?;
                // The Codex CLI refuses to choose among several entries.
                for other in items.iter().filter(|other| *other != item) {
                    other.delete().await?;
                }
                return Ok(());
            }
            let collection = unlocked_collection(&service).await?;
            let label = format!("{}@{}:{TARGET}", entry.account, entry.service);
            let mut attributes = names(&entry);
            attributes.insert("application", APPLICATION);
            collection
                .create_item(&label, attributes, secret, true, "text/plain")
                .await?;
            Ok(())
        })
    }

    fn delete(&self, entry: KeyringEntry, may_unlock: bool) -> KeyringAnswer<bool> {
        Box::pin(async move {
            let service = connect().await?;
            let items = find(&service, &entry, may_unlock).await?;
            for item in &items {
                item.delete().await?;
            }
            Ok(!items.is_empty())
        })
    }
}

async fn connect() -> Result<SecretService<'static>, KeyringFailure> {
    let connecting = async {
        let bus = Connection::session().await.map_err(Error::Zbus)?;
        // The key agreement hides the secret from other listeners on the bus.
        SecretService::connect_with_existing(EncryptionType::Dh, bus).await
    };
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
    Ok(connected.map_err(|_| KeyringFailure::Silent)??)
}

/// Returns the collection that new entries go to, unlocked.
async fn unlocked_collection<'a>(
    service: &'a SecretService<'_>,
) -> Result<Collection<'a>, KeyringFailure> {
    let collection = service.get_default_collection().await?;
    if collection.is_locked().await? {
        collection.unlock().await?;
    }
    Ok(collection)
}

/// Returns the attributes by which an entry is found.
fn names(entry: &KeyringEntry) -> HashMap<&str, &str> {
    HashMap::from([
        ("service", entry.service.as_str()),
        ("username", entry.account.as_str()),
        ("target", TARGET),
    ])
}

/// Returns all entries with these names, unlocked.
async fn find<'a>(
    service: &'a SecretService<'_>,
    entry: &KeyringEntry,
    may_unlock: bool,
) -> Result<Vec<Item<'a>>, KeyringFailure> {
    let found = service.search_items(names(entry)).await?;
    if !found.locked.is_empty() {
        if !may_unlock {
            return Err(KeyringFailure::Locked);
        }
        service
            .unlock_all(&found.locked.iter().collect::<Vec<_>>())
            .await?;
    }
    let mut items = found.unlocked;
    items.extend(found.locked);
    Ok(items)
}

/// Returns the entry that counts. There is only one, unless another program has added some.
async fn newest<'a>(items: &'a [Item<'_>]) -> Result<Option<&'a Item<'a>>, KeyringFailure> {
    let mut newest = None;
    for item in items {
        let modified = item.get_modified().await?;
        if newest.is_none_or(|(_, latest)| latest < modified) {
            newest = Some((item, modified));
        }
    }
    Ok(newest.map(|(item, _)| item))
}

impl From<Error> for KeyringFailure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Unavailable => Self::Absent(None),
            // The service has no collection that could hold an entry.
            Error::NoResult => Self::Absent(Some("it has no default collection".to_owned())),
            Error::Locked | Error::Prompt | Error::PromptDisconnected => Self::Locked,
            Error::Zbus(error) => of_bus(error),
            _ => Self::Broken(error.to_string()),
        }
    }
}

fn of_bus(error: &zbus::Error) -> KeyringFailure {
    let cause = error.to_string();
    let name = match error {
        zbus::Error::InputOutput(error) | zbus::Error::Connection(error, _) => {
            return match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    KeyringFailure::Absent(Some(cause))
                }
                _ => KeyringFailure::Broken(cause),
            };
        }
        zbus::Error::Address(_) => return KeyringFailure::Absent(Some(cause)),
        zbus::Error::FDO(error) => error.name().to_string(),
        zbus::Error::MethodError(name, _, _) => name.to_string(),
        _ => return KeyringFailure::Broken(cause),
    };
    match name.strip_prefix("org.freedesktop.DBus.Error.") {
        Some("NoReply" | "Timeout" | "TimedOut") => KeyringFailure::Silent,
        Some("ServiceUnknown" | "NameHasNoOwner") => KeyringFailure::Absent(Some(cause)),
        Some(name) if name.starts_with("Spawn") => KeyringFailure::Absent(Some(cause)),
        _ if cause.contains("IsLocked") => KeyringFailure::Locked,
        _ => KeyringFailure::Broken(cause),
    }
}
