//! The full screen, in every state that looks different.

use codex_onboarding::onboarding::internals::view;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::fixtures::screens;
use crate::words;

#[test]
fn every_screen_speaks_of_the_product_alone() {
    for (name, model) in screens() {
        for (width, height) in [(80, 24), (40, 12), (120, 50)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            terminal
                .draw(|frame| drop(view(&model, frame.buffer_mut())))
                .unwrap();
            let drawn = terminal.backend().to_string();
            words::are_acmes(name, &drawn);
            // A word that is broken over two rows is one too.
            let unbroken: String = drawn.split(['\n', '"', ' ']).collect();
            words::are_acmes(name, &unbroken);
        }
    }
}

#[test]
fn the_screens_say_the_products_own_words() {
    let drawn = |wanted: &str| {
        let (_, model) = screens()
            .into_iter()
            .find(|(name, _)| *name == wanted)
            .unwrap();
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal
            .draw(|frame| drop(view(&model, frame.buffer_mut())))
            .unwrap();
        terminal.backend().to_string()
    };
    let welcome = drawn("welcome");
    assert!(welcome.contains("▄▀▄ █▀ █▄ ▄█ █▀"), "{welcome}");
    assert!(welcome.contains("Sign in with Acme"), "{welcome}");
    assert!(drawn("welcome-environment").contains("ACME_API_KEY"));
    assert!(drawn("success").contains("Run acme to start."));
    assert!(drawn("device-code").contains("https://auth.acme.example/device"));
}
