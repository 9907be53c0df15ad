//! The users of this machine, as far as `/etc/passwd` names them.

/// Returns the login name of the user with this number.
pub fn name_of(uid: u32) -> Option<String> {
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    name_in(&accounts, uid)
}

fn name_in(accounts: &str, uid: u32) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let accounts = "root:x:0:0::/root:/bin/sh\nbroken\nzoe:x:1000:100::/home/zoe:/bin/sh\n";
        assert_eq!(name_in(accounts, 1000).as_deref(), Some("zoe"));
        assert_eq!(name_in(accounts, 100), None);
    }
}
