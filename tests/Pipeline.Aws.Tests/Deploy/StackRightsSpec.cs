using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Pipeline.Aws.Tests.Deploy;

/// <summary>The roles of the stacks may do what the program's calls need, on what has a name, and nothing else.</summary>
public sealed partial class StackRightsSpec
{
    /// <summary>Rights of roles that the program itself does not have, each with whose they are.</summary>
    private static readonly Dictionary<string, string[]> RightsOfOthers = new(StringComparer.Ordinal)
    {
        // What starts containers: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
        ["ExecutionRole"] =
        [
            "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer", "kms:Decrypt", "logs:CreateLogStream", "logs:PutLogEvents",
            "s3:GetBucketLocation", "s3:GetObject", "secretsmanager:GetSecretValue",
        ],
        // Spark with Hadoop's file system reads and writes tables, and asks for the bucket's region; it writes its logs.
        ["JobRole"] = [.. Spark],
        ["RuntimeRole"] = [.. Spark],
        // Instances write logs and give steps their role; where there is no such role, steps are theirs.
        ["InstanceRole"] = [.. Spark, "sts:AssumeRole", "sts:TagSession"],
        // Beside AWS's own policy of the service: the role that it gives the instances.
        ["ServiceRole"] = ["iam:PassRole"],
    };

    private static string[] Spark =>
    [
        "kms:Decrypt", "kms:GenerateDataKey", "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:PutObject",
    ];

    [Fact]
    public async Task No_statement_allows_an_action_by_a_pattern()
    {
        var allowed = (await StatementsAsync()).Where(found => (string)found.Statement["Effect"]! == "Allow").ToList();

        Assert.True(allowed.Count > 20);
        Assert.All(allowed, found => Assert.All(Texts(found.Statement["Action"]), action => Assert.Matches("^[a-z0-9-]+:[A-Za-z0-9]+$", action)));
        Assert.All(allowed, found => Assert.Null(found.Statement["NotAction"] ?? found.Statement["NotResource"] ?? found.Statement["NotPrincipal"]));
        Assert.All(allowed, found => Assert.NotEqual("*", found.Statement["Principal"]?.ToString()));
    }

    [Fact]
    public async Task A_resource_by_a_pattern_is_below_something_that_has_a_name_or_says_why()
    {
        var patterns = (await StatementsAsync()).Where(found => (string)found.Statement["Effect"]! == "Allow")
            .Select(found => (found, Wide: Texts(found.Statement["Resource"]).Where(resource => resource.Contains('*', StringComparison.Ordinal) && !BelowAName().IsMatch(resource)).ToList()))
            .Where(found => found.Wide.Count > 0).Select(found => found.found).ToList();

        Assert.All(patterns, found => Assert.True(Reason(found) is { Length: > 20 }, $"{found.Stack} {found.Resource}: statement {found.Statement["Sid"]} has a wide resource and no reason in Metadata.Wildcards"));
        // A reason is one of a statement that needs it.
        var reasons = (await ResourcesAsync()).SelectMany(found => found.Resource["Metadata"]?["Wildcards"]?.AsObject().Select(reason => $"{found.Stack} {found.Name} {reason.Key}") ?? []);
        Assert.Equal(patterns.Select(found => $"{found.Stack} {found.Resource} {found.Statement["Sid"]}").Order(StringComparer.Ordinal), reasons.Order(StringComparer.Ordinal));

        static string? Reason(Found found) => (string?)found.Whole["Metadata"]?["Wildcards"]?[(string)found.Statement["Sid"]!];
    }

    [Fact]
    public async Task Nodes_and_operators_have_the_rights_of_the_programs_calls_and_no_others()
    {
        var rights = await RightsByRoleAsync();

        Assert.Equal(AwsCalls.RightsOfNodes.Order(StringComparer.Ordinal), rights["NodeRole"].Order(StringComparer.Ordinal));
        Assert.Equal(AwsCalls.RightsOfOperators.Order(StringComparer.Ordinal), rights["OperatorPolicy"].Order(StringComparer.Ordinal));
        foreach (var (role, expected) in RightsOfOthers) Assert.Equal(expected.Order(StringComparer.Ordinal), rights[role].Order(StringComparer.Ordinal));
        Assert.Equal(RightsOfOthers.Keys.Concat(["NodeRole", "OperatorPolicy"]).Order(StringComparer.Ordinal), rights.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Calls_are_looked_for_in_every_client_that_there_is()
    {
        // STS gives credentials to whoever has a token or a role that names it: what a process is allowed to begin with, and no right of these roles.
        Assert.Equal(["AWSSDK.Core", "AWSSDK.S3", "AWSSDK.SecurityToken"], AwsCalls.Packages);
        Assert.Equal(["CloudWatch", "Emr", "EmrServerless", "Secrets"], AwsCalls.Clients);
        Assert.Contains("elasticmapreduce:ListClusters", AwsCalls.RightsOfNodes);
        Assert.Contains("cloudwatch:GetDashboard", AwsCalls.RightsOfOperators);
    }

    [Fact]
    public async Task Who_may_be_a_role_is_a_service_or_a_role_and_a_service_for_this_account_only()
    {
        var trusts = (await StatementsAsync()).Where(found => found.Statement["Principal"] is not null && Texts(found.Statement["Action"]).Contains("sts:AssumeRole", StringComparer.Ordinal)).ToList();

        Assert.True(trusts.Count >= 6);
        Assert.All(trusts, found =>
        {
            // An instance is of the account by itself.
            if ((string?)Service(found) is null or "ec2.amazonaws.com") return;
            Assert.Equal("AWS::AccountId", (string?)found.Statement["Condition"]?["StringEquals"]?["aws:SourceAccount"]?["Ref"]);
        });

        static JsonNode? Service(Found found) => found.Statement["Principal"]!["Service"];
    }

    private sealed record Found(string Stack, string Resource, JsonObject Whole, JsonObject Statement);

    private static async Task<IReadOnlyList<(string Stack, string Name, JsonObject Resource)>> ResourcesAsync() =>
        [.. (await Stacks.TemplatesAsync()).SelectMany(template => Stacks.Resources(template.Value!).Select(found => (template.Key, found.Name, found.Resource)))];

    /// <summary>Every statement of every policy, wherever in its resource that stands.</summary>
    private static async Task<IReadOnlyList<Found>> StatementsAsync() =>
        [.. (await ResourcesAsync()).SelectMany(found => Statements(found.Resource).Select(statement => new Found(found.Stack, found.Name, found.Resource, statement)))];

    private static IEnumerable<JsonObject> Statements(JsonNode? node) => node switch
    {
        JsonObject here when here["Statement"] is JsonArray statements => statements.Select(statement => statement!.AsObject()),
        JsonObject here => here.SelectMany(member => Statements(member.Value)),
        JsonArray list => list.SelectMany(Statements),
        _ => [],
    };

    /// <summary>What each role, or policy that is given to people, allows in all stacks and whatever their conditions are.</summary>
    private static async Task<Dictionary<string, HashSet<string>>> RightsByRoleAsync()
    {
        var rights = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        foreach (var (_, name, resource) in await ResourcesAsync())
        {
            var properties = resource["Properties"]!;
            var (owners, policies) = Stacks.TypeOf(resource) switch
            {
                "AWS::IAM::Role" => ([name], properties["Policies"]),
                "AWS::IAM::Policy" => (Refs(properties["Roles"]), properties["PolicyDocument"]),
                "AWS::IAM::ManagedPolicy" => ([name], properties["PolicyDocument"]),
                _ => ([], null),
            };
            foreach (var owner in owners)
            {
                if (!rights.TryGetValue(owner, out var own)) rights.Add(owner, own = new HashSet<string>(StringComparer.Ordinal));
                own.UnionWith(Statements(policies).Where(statement => (string)statement["Effect"]! == "Allow").SelectMany(statement => Texts(statement["Action"])));
            }
        }

        return rights;
    }

    private static IEnumerable<string> Refs(JsonNode? node) => node switch
    {
        JsonObject here when here["Ref"] is { } name => [(string)name!],
        JsonObject here => here.SelectMany(member => Refs(member.Value)),
        JsonArray list => list.SelectMany(Refs),
        _ => [],
    };

    /// <summary>The texts of a member that is one or several of them, those of functions included.</summary>
    private static IEnumerable<string> Texts(JsonNode? node) => node switch
    {
        JsonValue text => [(string)text!],
        JsonArray list => list.SelectMany(Texts),
        JsonObject here => here.SelectMany(member => Texts(member.Value)),
        _ => [],
    };

    [GeneratedRegex(@"\$\{(?!AWS::)[\w.]+\}[/-]([\w-]+/)*\*$", RegexOptions.ExplicitCapture)]
    private static partial Regex BelowAName();
}
