#!/usr/bin/env bash
# Deploys a pipeline to AWS, stack by stack, and says how to reach it:
#   deploy/deploy.sh --name NAME --parameters FILE [--engine none|emr-serverless|emr] [--yes] [STACK ...]
#   deploy/deploy.sh --name NAME --parameters FILE --destroy [--yes]
#
# FILE has lines KEY=VALUE: the parameters of the templates beside this script (deploy/parameters.example). What a stack makes are parameters
# of those after it. Without a STACK all are deployed, in the order in which they need each other; the nodes when there is an Image.
#   --settings FILE   what nodes get as environment beside the stacks' own: KEY=VALUE, no secrets. It is put into the bucket of artifacts
#   --alarms          puts the dashboard and the alarms, as ./pipeline does by itself
#   --yes             asks nothing: change sets are shown and executed
#   --destroy         takes everything away again, unless a bucket of tables still has something in it
# Credentials, region and endpoints are those of the aws command.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name='' file='' engine=none settings='' yes='' destroy='' alarms='' wanted=()

say() { printf '%s\n' "$*" >&2; }
die() { say "deploy.sh: $*"; exit 1; }
usage() { sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 64; }

while [ $# -gt 0 ]; do
  case $1 in
    --name | --parameters | --engine | --settings)
      [ $# -gt 1 ] || die "$1 needs a value"
      case $1 in --name) name=$2 ;; --parameters) file=$2 ;; --engine) engine=$2 ;; --settings) settings=$2 ;; esac
      shift 2 ;;
    --yes) yes=1; shift ;;
    --destroy) destroy=1; shift ;;
    --alarms) alarms=1; shift ;;
    -h | --help) usage ;;
    -*) say "deploy.sh: there is no option '$1'."; usage ;;
    *) wanted+=("$1"); shift ;;
  esac
done
[ -n "$name" ] || usage
case $engine in none | emr | emr-serverless) ;; *) die "--engine is none, emr or emr-serverless, and not '$engine'" ;; esac
command -v aws >/dev/null || die "the aws command is missing: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"

# In this order they need each other.
stacks=(storage registry network secrets roles)
if [ "$engine" != none ]; then stacks+=("$engine"); fi
stacks+=(monitoring service)

declare -A known=([Name]=$name)
if [ -n "$file" ]; then
  [ -r "$file" ] || die "the file of parameters $file cannot be read"
  while IFS='=' read -r key value || [ -n "$key" ]; do
    case $key in '' | \#*) continue ;; esac
    known[${key// /}]=$value
  done <"$file"
fi

stack_of() { printf 'pipeline-%s-%s' "$name" "$1"; }

# The names of a template's parameters.
parameters_of() { awk '/^[A-Za-z]/ { inside = ($1 == "Parameters:") } inside && /^  [A-Za-z0-9]+:$/ { gsub(/[ :]/, ""); print }' "$here/$1.yaml"; }

# Learns what a stack has made; fails where there is no such stack.
learn() { # template
  local outputs key value
  outputs=$(aws cloudformation describe-stacks --stack-name "$(stack_of "$1")" --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output text 2>/dev/null) || return 1
  while IFS=$'\t' read -r key value; do if [ -n "$key" ] && [ "$key" != None ]; then known[$key]=$value; fi; done <<<"$outputs"
}

agreed() { # question
  local answer
  if [ -n "$yes" ]; then return; fi
  read -r -p "$1 [y/N] " answer || answer=''
  [ "$answer" = y ] || die "stopped, and nothing was changed by this step."
}

validate() {
  local template
  if command -v cfn-lint >/dev/null; then
    (cd "$here" && cfn-lint -- *.yaml) || die "cfn-lint does not agree with the templates."
  else
    say "There is no cfn-lint here, so only AWS looks at the templates (pip install cfn-lint)."
  fi
  for template in "${deployed[@]}"; do
    aws cloudformation validate-template --template-body "file://$here/$template.yaml" >/dev/null || die "AWS does not take $template.yaml."
  done
}

deploy() { # template
  local stack overrides=() key said change status
  stack=$(stack_of "$1")
  for key in $(parameters_of "$1"); do if [ -n "${known[$key]+is}" ]; then overrides+=("$key=${known[$key]}"); fi; done
  said=$(aws cloudformation deploy --stack-name "$stack" --template-file "$here/$1.yaml" --capabilities CAPABILITY_IAM --no-execute-changeset --no-fail-on-empty-changeset \
    --tags "pipeline=$name" --parameter-overrides "${overrides[@]}" 2>&1) || [[ $said == *'No updates are to be performed'* ]] || die "$stack has no change set: $said"
  change=$(grep -oE 'arn:[^ ]+:changeSet/[^ ]+' <<<"$said" || true)
  if [ -n "$change" ]; then
    say "$stack: what changes"
    aws cloudformation describe-change-set --change-set-name "$change" --output table \
      --query 'Changes[].ResourceChange.{Action:Action,Resource:LogicalResourceId,Type:ResourceType,Replacement:Replacement}' >&2
    agreed "Change $stack?"
    # A stack that is new has nothing to be updated.
    status=$(aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus' --output text)
    aws cloudformation execute-change-set --change-set-name "$change"
    if [ "$status" = REVIEW_IN_PROGRESS ]; then status=create; else status=update; fi
    aws cloudformation wait "stack-$status-complete" --stack-name "$stack" \
      || die "$stack has failed, and is as it was before. Why: aws cloudformation describe-stack-events --stack-name $stack"
  else
    say "$stack: nothing changes"
  fi
  learn "$1" || die "$stack was deployed and is not found."
}

put_settings() {
  [ -r "$settings" ] || die "the file of settings $settings cannot be read"
  ! grep -qiE '^[A-Z_]*(PASSWORD|SECRET|_KEY)=' "$settings" || die "$settings has a secret in it. Put it into Secrets Manager: see docs/operations.md."
  aws s3 cp --only-show-errors "$settings" "s3://${known[ArtifactsBucket]}/service/$name.env"
}

put_alarms() {
  local region
  region=${AWS_REGION:-$(aws configure get region)}
  export AWS_REGION=$region PIPELINE_NAME=$name PIPELINE_LAKE="s3://${known[LakeBucket]}/lake"
  export PIPELINE_EXTERNAL="s3://${known[ExternalBucket]}/lake" PIPELINE_INTERNAL="s3://${known[InternalBucket]}/lake" PIPELINE_STREAMING="s3://${known[StreamingBucket]}/lake"
  export PIPELINE_PAGES_TOPIC=${known[PagesTopicArn]} PIPELINE_TICKETS_TOPIC=${known[TicketsTopicArn]} PIPELINE_OVER_TOPIC=${known[OverTopicArn]}
  "$here/../pipeline" dashboard put --config "$here/../hocon/service.conf"
  "$here/../pipeline" alarms put --config "$here/../hocon/service.conf"
}

report() {
  local key
  echo "The pipeline $name has:"
  for key in "${!known[@]}"; do if [[ $key =~ (Arn|Bucket|Uri|Log|Cluster|Application|SecurityGroup)$ ]]; then printf '  %s\t%s\n' "$key" "${known[$key]}"; fi; done | sort
  echo "To reach it:"
  echo "  tables: ./pipeline tables --lake s3://${known[LakeBucket]:-}/lake, and status, history, verify likewise"
  if [ -n "${known[ServiceCluster]:-}" ]; then
    echo "  nodes:  node-1.$name.pipeline.internal and so on, from within the network; aws ecs describe-services --cluster ${known[ServiceCluster]} --services node-1"
    echo "  logs:   aws logs tail ${known[NodesLog]} --follow"
  else
    echo "  nodes:  none yet. Push an image to ${known[RepositoryUri]:-the repository}, put the secrets, and deploy again with Image=REPOSITORY@sha256:DIGEST"
  fi
}

# Buckets whose contents are tables, which nothing else has.
refuse_unless_empty() {
  local kind bucket found
  learn storage || return 0
  for kind in Lake External Internal Streaming Backups; do
    bucket=${known[${kind}Bucket]:-}
    [ -n "$bucket" ] || die "$(stack_of storage) does not say which its buckets are, so nobody knows whether they are empty. Nothing was destroyed."
    found=$(aws s3api list-objects-v2 --bucket "$bucket" --max-keys 1 --query 'Contents[0].Key' --output text) || die "nobody knows whether s3://$bucket is empty. Nothing was destroyed."
    if [ "$found" != None ]; then
      die "s3://$bucket is not empty ($found). Nothing was destroyed. What is in it exists nowhere else: copy what is wanted, empty the bucket, and come again."
    fi
  done
}

destroy() {
  local i template bucket
  # Whatever engine there has been.
  stacks=(storage registry network secrets roles emr emr-serverless monitoring service)
  refuse_unless_empty
  agreed "Destroy the pipeline $name, with all of ${stacks[*]}?"
  for ((i = ${#stacks[@]} - 1; i >= 0; i--)); do
    template=${stacks[i]}
    aws cloudformation describe-stacks --stack-name "$(stack_of "$template")" >/dev/null 2>&1 || continue
    if [ "$template" = storage ]; then
      for bucket in "${known[ArtifactsBucket]}" "${known[LogsBucket]}"; do aws s3 rm --only-show-errors --recursive "s3://$bucket"; done
    fi
    say "$(stack_of "$template"): is deleted"
    aws cloudformation delete-stack --stack-name "$(stack_of "$template")"
    aws cloudformation wait stack-delete-complete --stack-name "$(stack_of "$template")"
  done
  echo "The pipeline $name is gone. The key that encrypted it and the key of its masks are kept: alias/pipeline/$name and the secret pipeline/$name/mask-key."
}

if [ -n "$destroy" ]; then destroy; exit; fi
deployed=()
for template in "${stacks[@]}"; do
  if [ ${#wanted[@]} -gt 0 ] && [[ " ${wanted[*]} " != *" $template "* ]]; then continue; fi
  if [ "$template" = service ] && [ -z "${known[Image]:-}" ]; then say "The nodes are left out: there is no Image."; continue; fi
  deployed+=("$template")
done
[ ${#deployed[@]} -gt 0 ] || die "none of ${wanted[*]} is a stack of this pipeline: ${stacks[*]}"
validate
for template in "${stacks[@]}"; do
  if [ "$template" = service ] && [ -n "$settings" ]; then put_settings; fi
  if [[ " ${deployed[*]} " == *" $template "* ]]; then deploy "$template"; else learn "$template" || true; fi
done
if [ -n "$alarms" ]; then put_alarms; fi
report
