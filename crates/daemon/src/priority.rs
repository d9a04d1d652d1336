//! Work that gives way: threads that take only what the others leave of the processors.
//!
//! Where everything runs in one process on a few cores, an order must not wait for a table row: who
//! only tells of what was decided falls behind for a while, the log keeps it, and it catches up.

/// Lets the calling thread give way for the rest of its life, and the threads that it starts: it
/// runs where no other wants to. Anywhere but on Linux, and where the system refuses, nothing
/// changes.
///
/// A low priority alone ("nice") would not do: such a thread gets little, but what it gets it gets
/// in slices of milliseconds, and a thread whose disk has just answered waits for the end of one.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = linux::idle() {
        tracing::debug!(?error, "a thread could not be told to give way");
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use thread_priority::{
        Error, NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };

    /// Linux' SCHED_IDLE.
    pub(super) fn idle() -> Result<(), Error> {
        let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy)
    }

    #[cfg(test)]
    mod tests {
        use thread_priority::thread_schedule_policy;

        #[test]
        fn only_the_calling_thread_and_those_it_starts_give_way() {
            let own = || thread_schedule_policy().expect("it can be read");
            let before = own();
            let (lowered, child) = std::thread::spawn(move || {
                crate::priority::give_way();
                (own(), std::thread::spawn(own).join().expect("it ends"))
            })
            .join()
            .expect("it ends");
            assert_eq!(own(), before);
            assert_ne!(lowered, before);
            assert_eq!(child, lowered);
        }
    }
}
