"""Reads CloudFormation templates, and makes stacks of them in an emulation of AWS.

    stacks.py read FOLDER                 every template of the folder as JSON, by its file's name
    stacks.py make FOLDER SETS            makes each set of stacks in an AWS of its own
    stacks.py serve                       an AWS for who comes by HTTP, on a free port

A set is {"stacks": ["storage", ...], "parameters": {...}}: the stacks are made in their order, and each gets those of the parameters, and of the
outputs of those before it, that it asks for. Of each set what was made is said: by stack its resources and outputs, and what encrypts each bucket.
"""
import json
import os
import sys


def read(folder):
    from cfnlint.decode import decode

    templates = {}
    for file in sorted(os.listdir(folder)):
        if not file.endswith(".yaml"):
            continue
        template, faults = decode(os.path.join(folder, file))
        if template is None:
            sys.exit(f"{file}: {faults}")
        templates[file[: -len(".yaml")]] = template
    return templates


def make(folder, wanted):
    from moto import mock_aws

    templates = read(folder)
    made = []
    for each in wanted:
        with mock_aws():
            made.append(make_set(folder, templates, each))
    return made


def make_set(folder, templates, wanted):
    import boto3
    from moto.cloudformation.parsing import get_model_map

    region = "eu-central-1"
    cloud = boto3.client("cloudformation", region_name=region)
    ec2 = boto3.client("ec2", region_name=region)
    network = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=network, CidrBlock=f"10.0.{i}.0/24")["Subnet"]["SubnetId"] for i in range(2)]
    group = ec2.create_security_group(GroupName="endpoints", Description="endpoints", VpcId=network)["GroupId"]
    known = {"Vpc": network, "Subnets": ",".join(subnets), "EndpointsSecurityGroup": group, "MonitorSecurityGroup": group, **wanted["parameters"]}
    stacks = {}
    for name in wanted["stacks"]:
        asked = templates[name].get("Parameters", {})
        with open(os.path.join(folder, f"{name}.yaml"), encoding="utf-8") as file:
            cloud.create_stack(
                StackName=name,
                TemplateBody=file.read(),
                Capabilities=["CAPABILITY_IAM"],
                Parameters=[{"ParameterKey": key, "ParameterValue": known[key]} for key in asked if key in known],
            )
        stack = cloud.describe_stacks(StackName=name)["Stacks"][0]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        known.update(outputs)
        stacks[name] = {
            "status": stack["StackStatus"],
            "outputs": outputs,
            "made": {found["LogicalResourceId"]: found["PhysicalResourceId"] for found in cloud.list_stack_resources(StackName=name)["StackResourceSummaries"] if found["LogicalResourceId"]},
            "unknown": sorted(key for key, resource in templates[name]["Resources"].items() if resource["Type"] not in get_model_map()),
        }
    return {"stacks": stacks, "encryption": encryption(boto3.client("s3", region_name=region))}


def encryption(s3):
    return {
        name: s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]
        for name in (bucket["Name"] for bucket in s3.list_buckets()["Buckets"])
    }


def serve():
    """moto_server, whose stacks that change sets make have outputs, as those of AWS do."""
    from moto.cloudformation.models import CloudFormationBackend
    from moto.server import main

    execute = CloudFormationBackend.execute_change_set

    def execute_with_outputs(self, change_set_name, stack_name=None):
        execute(self, change_set_name, stack_name)
        for stack in self.stacks.values():
            stack._parse_template()
            stack.output_map = stack._create_output_map()

    CloudFormationBackend.execute_change_set = execute_with_outputs
    main(["-H", "127.0.0.1", "-p", "0"])


if __name__ == "__main__":
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="eu-central-1")
    if sys.argv[1] == "serve":
        sys.exit(serve())
    answer = read(sys.argv[2]) if sys.argv[1] == "read" else make(sys.argv[2], json.loads(sys.argv[3]))
    print(json.dumps(answer, default=str))
