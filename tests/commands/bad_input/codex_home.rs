//! Places that are no folder for credentials.

use super::*;

#[test]
fn a_file_where_the_folder_should_be() {
    let stage = Stage::new();
    let file = stage.home().join("file");
    fs::write(&file, "precious").unwrap();
    for home in [file.clone(), file.join("below")] {
        let ended = save_at(&home).failed(1, &file.display().to_string());
        is_clear(&ended);
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
}

#[test]
fn a_folder_that_not_even_root_may_write() {
    let ended = save_at(Path::new("/proc/self/nowhere")).failed(1, "/proc/self/nowhere");
    is_clear(&ended);
    let ended = save_at(Path::new("/proc/sys")).failed(1, "/proc/sys");
    is_clear(&ended);
}

#[test]
fn the_browser_hears_of_it_too() {
    let stage = Stage::new();
    fs::write(stage.codex_home(), "a file").unwrap();
    let login = Run::new(&stage, &["login"]).starts();
    let page = stage.browse(&stage.approve(&login.link()));
    assert_eq!(page.status, 500);
    assert!(page.body.contains("Unable to persist auth file"));
    let ended = login.ended().failed(1, "codex");
    is_clear(&ended);
}

#[test]
fn missing_folders_are_made() {
    let stage = Stage::new();
    let home = stage.home().join("a/b/c");
    save_at(&home).succeeded();
    assert!(home.join("auth.json").is_file());
}
