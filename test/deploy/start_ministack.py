"""MiniStack, with what it lacks and this pipeline cannot be tried without.

Each addition is something that AWS does by itself and that MiniStack has every part for. Nothing here knows the pipeline. What MiniStack
has no part for is not imitated: test/deploy/emulator-limits.ts takes that out of the template, and the
run lists it.

1. PutPartnerEvents delivers. MiniStack answers it and drops the events; a partner's events belong on the bus named after its source.
2. AWS::Events::Archive. MiniStack has the service (create, replay) but no CloudFormation type for it.
3. Metrics in a log line (EMF). CloudWatch turns them into metrics; MiniStack keeps both, but does not read the one into the other.
4. Drift: what `cdk drift`, `cdk deploy --revert-drift` and `cdk import` need beyond what MiniStack has. In ministack_drift.py.
"""

import json

import ministack_drift
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, cloudwatch_logs, eventbridge
from ministack.services.cloudformation import provisioners


def put_partner_events(data):
    entries = [{**entry, "EventBusName": entry.get("Source")} for entry in data.get("Entries", [])]
    return eventbridge._put_events({"Entries": entries}, allow_aws_source=True)


def create_archive(logical_id, props, stack_name):
    name = props.get("ArchiveName") or f"{stack_name}-{logical_id}"
    pattern = props.get("EventPattern")
    status, _, body = eventbridge._create_archive({
        "ArchiveName": name,
        "EventSourceArn": props["SourceArn"],
        "Description": props.get("Description", ""),
        "EventPattern": json.dumps(pattern) if pattern else "",
        "RetentionDays": int(props.get("RetentionDays", 0)),
    })
    if status >= 400:
        raise ValueError(f"AWS::Events::Archive: {body!r}")
    return name, {"Arn": json.loads(body)["ArchiveArn"], "ArchiveName": name}


def delete_archive(physical_id, _props):
    eventbridge._delete_archive({"ArchiveName": physical_id})


def update_archive(physical_id, _old, _new, _stack_name):
    arn = f"arn:aws:events:{get_region()}:{get_account_id()}:archive/{physical_id}"
    return physical_id, {"Arn": arn, "ArchiveName": physical_id}


def record_embedded_metrics(message):
    if '"_aws"' not in message:
        return
    try:
        line = json.loads(message)
        directives = line["_aws"]["CloudWatchMetrics"]
    except (ValueError, KeyError, TypeError):
        return
    for directive in directives:
        for names in directive["Dimensions"]:
            dimensions = {name: str(line[name]) for name in names}
            for metric in directive["Metrics"]:
                values = line[metric["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    cloudwatch.record_metric(
                        directive["Namespace"], metric["Name"], value, metric.get("Unit", "None"), dimensions)


append_log_events = cloudwatch_logs._append_log_events


def append_and_record(stream, events):
    for event in events:
        record_embedded_metrics(event.get("message", ""))
    return append_log_events(stream, events)


eventbridge._put_partner_events = put_partner_events
provisioners._RESOURCE_HANDLERS["AWS::Events::Archive"] = {
    "create": create_archive,
    "update": update_archive,
    "delete": delete_archive,
}
cloudwatch_logs._append_log_events = append_and_record
ministack_drift.allow_imports()

if __name__ == "__main__":
    from ministack.app import main

    main()
