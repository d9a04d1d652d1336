//! Work that gives way: threads that take what the others leave of the processors.
//!
//! Where everything runs in one process on a few cores, an order must not wait for a table row: who
//! only tells of what was decided falls behind for a while, the log keeps it, and it catches up.

/// How much lower than others, the most that there is: a thread that gives way gets about a
/// seventieth of a busy core and a whole idle one. So it is not starved, and hardly felt.
const NICE: i32 = 19;

/// Lowers the calling thread for the rest of its life; threads that it starts are as low. Where the
/// system cannot do this for a single thread (anything but Linux), or refuses, nothing changes.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "a thread could not be lowered");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = NICE;
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_the_calling_thread_and_those_it_starts_are_lowered() {
        let own = || rustix::process::getpriority_process(None).expect("it can be read");
        let before = own();
        let (lowered, child) = std::thread::spawn(move || {
            give_way();
            (own(), std::thread::spawn(own).join().expect("it ends"))
        })
        .join()
        .expect("it ends");
        assert_eq!((own(), lowered, child), (before, NICE, NICE));
    }
}
