//! Gates: requests wait at them until a test lets them pass.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::Route;

/// The closed gates of each route.
#[derive(Debug, Default)]
pub struct Gates(HashMap<Route, Vec<Barrier>>);

impl Gates {
    pub fn close(&mut self, route: Route) -> Gate {
        let (release, released) = watch::channel(false);
        let (arrive, arrived) = watch::channel(0);
        let barrier = Barrier {
            released,
            arrive: Arc::new(arrive),
        };
        self.0.entry(route).or_default().push(barrier);
        Gate { arrived, release }
    }

    /// Tells the route's gates that a request has come, and returns those it must pass.
    pub fn arrive(&mut self, route: Route) -> Vec<Barrier> {
        let Some(barriers) = self.0.get_mut(&route) else {
            return Vec::new();
        };
        barriers.retain(Barrier::is_closed);
        for barrier in barriers.iter() {
            barrier.arrive.send_modify(|count| *count += 1);
        }
        barriers.clone()
    }
}

/// Holds requests until it is released or dropped: see [`super::TestIssuer::hold`].
#[derive(Debug)]
pub struct Gate {
    arrived: watch::Receiver<usize>,
    release: watch::Sender<bool>,
}

impl Gate {
    /// Waits until a request stands at the gate.
    pub async fn arrived(&self) {
        self.arrivals(1).await;
    }

    /// Waits until this many requests have come to the gate.
    pub async fn arrivals(&self, count: usize) {
        // The sender lives as long as the issuer; without one nothing more will come.
        let mut arrived = self.arrived.clone();
        let _ = arrived.wait_for(|arrived| *arrived >= count).await;
    }

    /// Lets everything pass, from now on.
    pub fn release(self) {
        self.release.send_replace(true);
    }
}

/// The issuer's side of a gate.
#[derive(Clone, Debug)]
pub struct Barrier {
    released: watch::Receiver<bool>,
    arrive: Arc<watch::Sender<usize>>,
}

impl Barrier {
    fn is_closed(&self) -> bool {
        !*self.released.borrow() && self.released.has_changed().is_ok()
    }

    pub async fn pass(mut self) {
        // A gate that was dropped holds no request.
        let _ = self.released.wait_for(|released| *released).await;
    }
}
