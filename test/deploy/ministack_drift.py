"""Drift, `cdk deploy --revert-drift` and `cdk import`, as far as MiniStack lacks them.

MiniStack has DetectStackDrift with its answers, and change sets of type IMPORT. Added here, after AWS's documentation:

1. Rules (state, pattern, targets), buses, archives, and more properties of queues and buckets are compared with what is there.
2. CreateChangeSet with DeploymentMode REVERT_DRIFT. What drifted is in the change set beside what the template changes: deleted = Add,
   changed = Modify. Executing it makes the one again and sets the other back.
   @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
3. An update leaves alone what neither the template nor the change set changes. MiniStack writes every resource again at each update, and
   would so restore by accident what CloudFormation never looks at.
4. Buses, archives and secrets can be imported.
   @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-supported-resources.html
5. A template's address may begin with its bucket's name: that is how the CDK CLI names those of `cdk import` and `cdk orphan`.

What CloudFormation cannot compare, this does not either (NOT_CHECKED): event source mappings, the inline policies of roles, and the
policies of queues, buckets and topics.
@see https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2260 (mappings), issues/1686 (AWS::IAM::Policy),
issues/2169 (AWS::S3::BucketPolicy); the published schemas of AWS::SQS::QueuePolicy and AWS::SNS::TopicPolicy have no handler that reads.

Not imitated: whether AWS touches the policy of a queue that it has just made again (here it does not: the harder case), the comparison of
alarms, dashboards and keys, SQS's minute between a deletion and the same name, and a rollback to the state before.
"""

import contextvars
import copy
import json
from urllib.parse import urlparse

from ministack.core.responses import now_iso
from ministack.services import eventbridge, s3, secretsmanager, sqs
from ministack.services.cloudformation import changesets, drift, handlers, helpers, provisioners, stacks
from ministack.services.cloudformation.helpers import _p

# --- 1. What is compared ---


def text_or_json(value):
    return drift._json_or(value) if value else value


def read_rule(physical_id, props):
    key = eventbridge._rule_key(physical_id, provisioners._eb_rule_bus_name(props))
    rule = eventbridge._rules.get(key)
    if rule is None:
        return None
    return {
        "State": rule.get("State"),
        "EventPattern": text_or_json(rule.get("EventPattern")),
        "ScheduleExpression": rule.get("ScheduleExpression"),
        "Targets": eventbridge._targets.get(key, []),
    }


def read_bus(physical_id, _props):
    bus = eventbridge._event_buses.get(physical_id)
    return None if bus is None else {"Name": bus.get("Name")}


def read_archive(physical_id, _props):
    archive = eventbridge._archives.get(physical_id)
    if archive is None:
        return None
    return {
        "ArchiveName": archive["ArchiveName"],
        "SourceArn": archive["EventSourceArn"],
        "RetentionDays": archive["RetentionDays"],
    }


read_queue_before = drift._DRIFT_READERS["AWS::SQS::Queue"]
read_bucket_before = drift._DRIFT_READERS["AWS::S3::Bucket"]
queue_properties = ("KmsMasterKeyId", "SqsManagedSseEnabled", "DeduplicationScope", "FifoThroughputLimit")


def read_queue(physical_id, props):
    found = read_queue_before[0](physical_id, props)
    if found is None:
        return None
    attributes = sqs._queues[physical_id]["attributes"]
    return {**found, **{name: attributes[name] for name in queue_properties if name in attributes}}


def read_bucket(physical_id, props):
    found = read_bucket_before[0](physical_id, props)
    if found is None:
        return None
    block = s3._buckets[physical_id].get("_public_access_block")
    if block:
        settings = {one.tag.split("}")[-1]: one.text == "true" for one in s3.fromstring(block)}
        found["PublicAccessBlockConfiguration"] = settings
    return found


drift._DRIFT_READERS.update({
    "AWS::Events::Rule": (read_rule, frozenset({"State", "EventPattern", "ScheduleExpression", "Targets"})),
    "AWS::Events::EventBus": (read_bus, frozenset({"Name"})),
    "AWS::Events::Archive": (read_archive, frozenset({"ArchiveName", "SourceArn", "RetentionDays"})),
    "AWS::SQS::Queue": (read_queue, read_queue_before[1] | frozenset(queue_properties)),
    "AWS::S3::Bucket": (read_bucket, read_bucket_before[1] | {"PublicAccessBlockConfiguration"}),
})

# --- 2. Change sets that revert drift ---


def drifts_of(stack):
    found = {}
    for logical_id, record in stack.get("_resources", {}).items():
        if drift.supports_drift(record.get("ResourceType", "")):
            one = drift.detect_resource_drift(stack, logical_id, record, now_iso())
            if one["StackResourceDriftStatus"] in ("MODIFIED", "DELETED"):
                found[logical_id] = one
    return found


def change_of(one):
    deleted = one["StackResourceDriftStatus"] == "DELETED"
    names = sorted({d["PropertyPath"].split("/")[1] for d in one.get("PropertyDifferences", [])})
    return {"ResourceChange": {
        "Action": "Add" if deleted else "Modify",
        "LogicalResourceId": one["LogicalResourceId"],
        "ResourceType": one["ResourceType"],
        **({} if deleted else {
            "PhysicalResourceId": one["PhysicalResourceId"],
            "Replacement": "False",
            "Scope": ["Properties"],
            "Details": [{"Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": "Never"}} for name in names],
        }),
    }}


create_change_set = changesets._create_change_set
execute_change_set = changesets._execute_change_set
# Of the update that runs: the actual properties of what drifted, by logical id.
reverting = contextvars.ContextVar("reverting", default={})


def create_drift_aware_change_set(params):
    answer = create_change_set(params)
    if _p(params, "DeploymentMode") != "REVERT_DRIFT" or answer[0] >= 400:
        return answer
    stack = handlers._resolve_stack(_p(params, "StackName"))
    _, change_set = changesets._find_change_set(_p(params, "ChangeSetName"), stack["StackName"])
    drifted = drifts_of(stack)
    if drifted:
        by_template = [c for c in change_set["Changes"] if c["ResourceChange"]["LogicalResourceId"] not in drifted]
        change_set.update({
            "Changes": by_template + [change_of(one) for one in drifted.values()],
            "Status": "CREATE_COMPLETE",
            "ExecutionStatus": "AVAILABLE",
            "StatusReason": "",
            "_drifted": drifted,
        })
    return answer


def execute_drift_aware_change_set(params):
    _, change_set = changesets._find_change_set(_p(params, "ChangeSetName"), _p(params, "StackName"))
    drifted = (change_set or {}).get("_drifted", {})
    stack = handlers._resolve_stack(change_set["StackName"]) if drifted else None
    actual = {}
    for logical_id, one in drifted.items():
        if one["StackResourceDriftStatus"] == "DELETED":
            # What the stack does not have is made.
            del stack["_resources"][logical_id]
        else:
            actual[logical_id] = json.loads(one["ActualProperties"])
    reverting.set(actual)
    return execute_change_set(params)


handlers._ACTION_HANDLERS["CreateChangeSet"] = create_drift_aware_change_set
handlers._ACTION_HANDLERS["ExecuteChangeSet"] = execute_drift_aware_change_set

# --- 3. Updates touch what changes ---

update_keeping_seed = stacks._update_keeping_seed


def update_what_changed(resource_type, physical_id, old, new, stack_name, logical_id, attributes):
    actual = reverting.get().get(logical_id)
    if actual is None and old == new:
        return (physical_id, attributes), stacks._NAME_SEED.get()
    if actual is not None:
        _, compared = drift._DRIFT_READERS[resource_type]
        old = {**{name: value for name, value in copy.deepcopy(old).items() if name not in compared}, **actual}
    return update_keeping_seed(resource_type, physical_id, old, new, stack_name, logical_id, attributes)


stacks._update_keeping_seed = update_what_changed

# --- 4. What can be imported ---


def import_bus(identifier):
    name = identifier["Name"]
    return name, {"Arn": eventbridge._event_buses[name]["Arn"], "Name": name}


def import_archive(identifier):
    name = identifier["ArchiveName"]
    return name, {"Arn": eventbridge._archives[name]["ArchiveArn"], "ArchiveName": name}


def secret_of(arn):
    return next((one for one in secretsmanager._secrets.values() if one["ARN"] == arn), None)


def import_secret(identifier):
    secret = secret_of(identifier["Id"])
    return secret["Name"], {"Id": secret["ARN"], "Arn": secret["ARN"]}


def importable(resource_type, key, adopt, exists):
    provisioners._RESOURCE_HANDLERS[resource_type]["import"] = adopt
    not_found = changesets._IMPORT_NOT_FOUND
    changesets._IMPORT_LOOKUPS[resource_type] = (
        (key,), lambda value: None if exists(value) else not_found.format(type=resource_type, value=value))


def allow_imports():
    importable("AWS::Events::EventBus", "Name", import_bus, lambda name: name in eventbridge._event_buses)
    importable("AWS::Events::Archive", "ArchiveName", import_archive, lambda name: name in eventbridge._archives)
    importable("AWS::SecretsManager::Secret", "Id", import_secret, lambda arn: secret_of(arn) is not None)


# --- 5. Templates at https://BUCKET.s3.REGION.amazonaws.com/KEY ---

resolve_document = helpers._resolve_document


def resolve_document_at_its_bucket(params, body_key, url_key, label):
    url = urlparse(_p(params, url_key))
    bucket, is_virtual_host, _ = (url.hostname or "").partition(".s3.")
    if is_virtual_host:
        params = {**params, url_key: [f"https://s3.amazonaws.com/{bucket}{url.path}"]}
    return resolve_document(params, body_key, url_key, label)


helpers._resolve_document = resolve_document_at_its_bucket
