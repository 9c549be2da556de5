//! Taking away what a try of the real services made.

use crate::fault;
use crate::sdk::Aws;
use stdx::{Fault, FaultKind};

/// What one try makes is far less.
const QUEUES_MAX: i32 = 100;
/// A shorter prefix could be a product's.
const PREFIX_MIN: usize = 12;

/// Removes every queue, and every bus with its rules and targets, whose name begins with `prefix`.
pub async fn remove(aws: &Aws, prefix: &str) -> Result<(), Fault> {
    if prefix.len() < PREFIX_MIN {
        return Err(Fault::new(FaultKind::Internal, format!("{prefix:?} is no prefix of a try")));
    }
    let sqs = aws.sqs();
    let listed = sqs.list_queues().queue_name_prefix(prefix).max_results(QUEUES_MAX).send().await;
    let listed = listed.map_err(|e| fault::of("listing queues", e))?;
    for url in listed.queue_urls.unwrap_or_default() {
        match sqs.delete_queue().queue_url(&url).send().await {
            Err(e) if !e.as_service_error().is_some_and(|e| e.is_queue_does_not_exist()) => {
                return Err(fault::of("removing a queue", e));
            }
            _ => {}
        }
    }
    let events = aws.eventbridge();
    let listed = events.list_event_buses().name_prefix(prefix).send().await;
    let listed = listed.map_err(|e| fault::of("listing buses", e))?;
    for bus in listed.event_buses.unwrap_or_default().into_iter().filter_map(|b| b.name) {
        remove_bus(&events, &bus).await?;
    }
    Ok(())
}

async fn remove_bus(events: &aws_sdk_eventbridge::Client, bus: &str) -> Result<(), Fault> {
    let rules = events.list_rules().event_bus_name(bus).send().await;
    let rules = rules.map_err(|e| fault::of("listing rules", e))?;
    for rule in rules.rules.unwrap_or_default().into_iter().filter_map(|r| r.name) {
        let targets = events.list_targets_by_rule().rule(&rule).event_bus_name(bus).send().await;
        let targets = targets.map_err(|e| fault::of("listing targets", e))?.targets.unwrap_or_default();
        let ids: Vec<_> = targets.into_iter().map(|t| t.id).collect();
        if !ids.is_empty() {
            let cut = events.remove_targets().rule(&rule).event_bus_name(bus).set_ids(Some(ids)).send().await;
            cut.map_err(|e| fault::of("removing targets", e))?;
        }
        let gone = events.delete_rule().name(&rule).event_bus_name(bus).send().await;
        gone.map_err(|e| fault::of("removing a rule", e))?;
    }
    events.delete_event_bus().name(bus).send().await.map(drop).map_err(|e| fault::of("removing a bus", e))
}
