using System.Text.Json.Nodes;
using Pipeline.Testing;

namespace Pipeline.Aws.Tests.Deploy;

/// <summary>What the templates in <c>deploy/</c> make, and that an emulation of AWS makes it.</summary>
public sealed class StacksSpec
{
    /// <summary>Types that <c>moto</c> does not make. One that it has learnt fails the test, and goes.</summary>
    private static readonly string[] NotEmulated =
    [
        "AWS::EC2::SecurityGroupEgress", "AWS::EMRServerless::Application", "AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SecretsManager::Secret",
        "AWS::ServiceDiscovery::PrivateDnsNamespace", "AWS::ServiceDiscovery::Service",
    ];

    /// <summary>As <c>deploy.sh</c> deploys them; of the engines there is one.</summary>
    private static readonly string[] Order = ["storage", "registry", "network", "secrets", "roles", "emr", "emr-serverless", "monitoring", "service"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Cfn_lint_finds_nothing()
    {
        await using var lint = OutsideProgram.TryStart("cfn-lint", ["--format", "parseable", .. Directory.EnumerateFiles(Stacks.Folder, "*.yaml")]);
        Assert.SkipWhen(lint is null, "There is no cfn-lint (pip install cfn-lint).");

        var (exitCode, lines) = await lint.WaitForExitAsync(Cancel);

        // A shim of a tool that is not installed is found, and ends so.
        Assert.SkipWhen(exitCode == 127, string.Join('\n', lines));
        Assert.True(exitCode == 0, string.Join('\n', lines));
    }

    [Fact]
    public void Templates_have_no_aliases_and_no_more_bytes_than_CloudFormation_reads()
    {
        foreach (var file in Directory.EnumerateFiles(Stacks.Folder, "*.yaml"))
        {
            Assert.DoesNotMatch(@"(?m):\s+[&*][a-zA-Z]", File.ReadAllText(file));
            Assert.InRange(new FileInfo(file).Length, 1, 51_200);
        }
    }

    [Fact]
    public async Task There_is_a_bucket_of_each_kind_that_is_encrypted_private_and_lets_nobody_in_without_TLS()
    {
        var storage = (await Stacks.TemplatesAsync())["storage"]!;
        var buckets = Stacks.Resources(storage).Where(found => Stacks.TypeOf(found.Resource) == "AWS::S3::Bucket").ToList();

        string[] kinds = ["artifacts", "backups", "external", "internal", "lake", "logs", "streaming"];
        Assert.Equal(kinds, buckets.Select(bucket => KindOf(bucket.Resource)).Order(StringComparer.Ordinal));
        Assert.All(buckets, bucket =>
        {
            var properties = bucket.Resource["Properties"]!;
            var encryption = properties["BucketEncryption"]!["ServerSideEncryptionConfiguration"]![0]!["ServerSideEncryptionByDefault"]!;
            // Logs of access cannot be written where a key of KMS encrypts.
            Assert.Equal(KindOf(bucket.Resource) == "logs" ? "AES256" : "aws:kms", (string)encryption["SSEAlgorithm"]!);
            Assert.All(properties["PublicAccessBlockConfiguration"]!.AsObject().ToList(), setting => Assert.True((bool)setting.Value!));
            Assert.Equal(4, properties["PublicAccessBlockConfiguration"]!.AsObject().Count);
            Assert.Equal("BucketOwnerEnforced", (string)properties["OwnershipControls"]!["Rules"]![0]!["ObjectOwnership"]!);

            var policy = Assert.Single(Stacks.Resources(storage), found => Stacks.TypeOf(found.Resource) == "AWS::S3::BucketPolicy" && (string?)found.Resource["Properties"]!["Bucket"]!["Ref"] == bucket.Name).Resource;
            var refused = policy["Properties"]!["PolicyDocument"]!["Statement"]!.AsArray().Single(statement => (string)statement!["Sid"]! == "TlsOnly")!;
            Assert.Equal("Deny * s3:* false", $"{refused["Effect"]} {refused["Principal"]} {refused["Action"]} {refused["Condition"]!["Bool"]!["aws:SecureTransport"]}");
            Assert.Equal(2, refused["Resource"]!.AsArray().Count);
        });
    }

    [Fact]
    public async Task What_a_person_asks_to_be_forgotten_is_kept_by_no_bucket_and_no_age_takes_data_of_tables()
    {
        var storage = (await Stacks.TemplatesAsync())["storage"]!;

        Assert.All(Stacks.Resources(storage).Where(found => Stacks.TypeOf(found.Resource) == "AWS::S3::Bucket"), bucket =>
        {
            var (kind, properties) = (KindOf(bucket.Resource), bucket.Resource["Properties"]!.AsObject());
            Assert.DoesNotContain("VersioningConfiguration", properties.Select(property => property.Key));
            Assert.DoesNotContain(properties, property => property.Key.StartsWith("ObjectLock", StringComparison.Ordinal));
            var rules = properties["LifecycleConfiguration"]!["Rules"]!.AsArray();
            Assert.Single(rules, rule => rule!["AbortIncompleteMultipartUpload"] is not null);
            var byAge = rules.Where(rule => rule!.AsObject().Any(setting => setting.Key.Contains("Expiration", StringComparison.Ordinal) || setting.Key.Contains("Transition", StringComparison.Ordinal)));
            Assert.Equal(kind == "logs" ? 1 : 0, byAge.Count());
            var logged = properties["LoggingConfiguration"];
            if (kind is "logs" or "artifacts") Assert.Null(logged);
            else Assert.Equal($"LogsBucket access/{kind}/", $"{logged!["DestinationBucketName"]!["Ref"]} {logged["LogFilePrefix"]}");
        });
    }

    [Fact]
    public async Task Everything_that_the_emulation_knows_is_made_and_the_rest_is_named_here()
    {
        var templates = await Stacks.TemplatesAsync();
        var made = await Stacks.MadeAsync([
            new JsonObject { ["stacks"] = Names(Order), ["parameters"] = Given(templates) },
            new JsonObject { ["stacks"] = Names("storage", "registry", "network", "roles", "emr"), ["parameters"] = Given(templates, ("ClusterOf", "pipeline")) }]);

        var (all, seen, unknown) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        foreach (var (name, stack) in made.SelectMany(set => set!["stacks"]!.AsObject()))
        {
            Assert.Equal("CREATE_COMPLETE", (string)stack!["status"]!);
            all.UnionWith(Stacks.Resources(templates[name]!).Select(found => $"{name} {found.Name}"));
            seen.UnionWith(stack["made"]!.AsObject().Select(resource => $"{name} {resource.Key}"));
            foreach (var resource in stack["unknown"]!.AsArray().Select(resource => (string)resource!))
            {
                unknown.Add(Stacks.TypeOf(templates[name]!["Resources"]![resource]!.AsObject()));
                seen.Add($"{name} {resource}");
            }
        }

        // What has a condition is made by one of the sets.
        Assert.Equal(all.Order(StringComparer.Ordinal), seen.Order(StringComparer.Ordinal));
        Assert.Equal(NotEmulated, unknown.Order(StringComparer.Ordinal));
        Assert.Equal(templates.Select(template => template.Key).Order(StringComparer.Ordinal), made.SelectMany(set => set!["stacks"]!.AsObject()).Select(stack => stack.Key).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
        // What is made is as it was asked for, read back.
        var key = (string)made[0]!["stacks"]!["storage"]!["outputs"]!["KeyArn"]!;
        foreach (var (bucket, encryption) in made[0]!["encryption"]!.AsObject())
            Assert.Equal(bucket.EndsWith("-logs", StringComparison.Ordinal) ? "AES256 " : $"aws:kms {key}", $"{encryption!["SSEAlgorithm"]} {encryption["KMSMasterKeyID"]}");
    }

    [Fact]
    public async Task Nodes_and_jobs_reach_what_is_named_and_nothing_else_and_have_limits()
    {
        var resources = (await Stacks.TemplatesAsync()).SelectMany(template => Stacks.Resources(template.Value!)).ToList();

        var groups = resources.Where(found => Stacks.TypeOf(found.Resource) == "AWS::EC2::SecurityGroup").ToList();
        Assert.True(groups.Count >= 4);
        // Without a rule of its own a group lets everything out.
        Assert.All(groups, group => Assert.NotEmpty(group.Resource["Properties"]!["SecurityGroupEgress"]!.AsArray()));
        Assert.All(resources, found => Assert.DoesNotContain("0.0.0.0/0", found.Resource.ToJsonString(), StringComparison.Ordinal));
        Assert.All(resources, found => Assert.DoesNotContain("\"IpProtocol\":\"-1\"", found.Resource.ToJsonString(), StringComparison.Ordinal));
        Assert.NotNull(Of("AWS::EMR::Cluster")["ManagedScalingPolicy"]!["ComputeLimits"]!["MaximumCapacityUnits"]);
        Assert.Equal(["Cpu", "Disk", "Memory"], Of("AWS::EMRServerless::Application")["MaximumCapacity"]!.AsObject().Select(limit => limit.Key).Order(StringComparer.Ordinal));

        JsonNode Of(string type) => Assert.Single(resources, found => Stacks.TypeOf(found.Resource) == type).Resource["Properties"]!;
    }

    [Fact]
    public async Task A_task_writes_to_its_volumes_alone_says_how_it_is_and_is_handed_its_secrets()
    {
        var tasks = Stacks.Resources((await Stacks.TemplatesAsync())["service"]!).Where(found => Stacks.TypeOf(found.Resource) == "AWS::ECS::TaskDefinition").ToList();

        Assert.Equal(3, tasks.Count);
        Assert.All(tasks, task =>
        {
            var containers = task.Resource["Properties"]!["ContainerDefinitions"]!.AsArray();
            Assert.All(containers, container => Assert.True((bool)container!["ReadonlyRootFilesystem"]!));
            var node = containers.Single(container => (string)container!["Name"]! == "node")!;
            Assert.Equal("CMD /app/docker/is-live", string.Join(' ', node["HealthCheck"]!["Command"]!.AsArray().Take(2).Select(word => (string)word!)));
            Assert.Matches("(?s)PIPELINE_JOURNAL.*APP_DB_PASSWORD.*KAFKA_PASSWORD.*SNOWFLAKE_CLIENT_SECRET", node["Secrets"]!.ToJsonString());
            Assert.DoesNotMatch("PASSWORD|CLIENT_SECRET|PIPELINE_JOURNAL\"", node["Environment"]!.ToJsonString());
        });
    }

    [Fact]
    public async Task The_example_of_parameters_has_those_that_somebody_must_give_and_no_unknown_ones()
    {
        var templates = await Stacks.TemplatesAsync();
        var asked = templates.SelectMany(template => template.Value!["Parameters"]!.AsObject()).ToLookup(parameter => parameter.Key, parameter => parameter.Value!["Default"] is not null, StringComparer.Ordinal);
        var made = templates.SelectMany(template => template.Value!["Outputs"]!.AsObject()).Select(output => output.Key).ToHashSet(StringComparer.Ordinal);
        var given = File.ReadLines(Path.Combine(Stacks.Folder, "parameters.example")).Select(line => line.TrimStart('#')).Where(line => !line.StartsWith(' ') && line.Contains('=', StringComparison.Ordinal)).Select(line => line[..line.IndexOf('=', StringComparison.Ordinal)]).ToList();

        Assert.All(given, name => Assert.True(asked.Contains(name), $"no template has the parameter {name}"));
        Assert.All(asked.Where(parameter => parameter.Contains(false) && !made.Contains(parameter.Key) && parameter.Key != "Name"), parameter => Assert.Contains(parameter.Key, given));
        // Everything else is made by a stack before.
        var before = given.Append("Name").ToHashSet(StringComparer.Ordinal);
        foreach (var template in Order.Select(name => templates[name]!))
        {
            Assert.All(template["Parameters"]!.AsObject().Where(parameter => parameter.Value!["Default"] is null), parameter => Assert.Contains(parameter.Key, before));
            before.UnionWith(template["Outputs"]!.AsObject().Select(output => output.Key));
        }
    }

    /// <summary>Parameters of a deployment, with names for what the emulation does not make.</summary>
    private static JsonObject Given(JsonObject templates, params (string Name, string Value)[] more)
    {
        var given = new JsonObject
        {
            ["Name"] = "shop", ["S3PrefixList"] = "pl-1", ["KafkaCidr"] = "10.9.0.0/24", ["PostgresCidr"] = "10.8.0.0/24", ["SnowflakeCidr"] = "10.7.0.0/24", ["PagesEmail"] = "night@example.org",
            ["TicketsEmail"] = "day@example.org", ["Image"] = $"pipeline@sha256:{new string('0', 64)}",
        };
        foreach (var secret in templates["secrets"]!["Outputs"]!.AsObject()) given[secret.Key] = $"arn:aws:secretsmanager:eu-central-1:123456789012:secret:pipeline/shop/{secret.Key}";
        foreach (var (name, value) in more) given[name] = value;
        return given;
    }

    private static string KindOf(JsonObject bucket) => (string)bucket["Properties"]!["Tags"]!.AsArray().Single(tag => (string)tag!["Key"]! == "kind")!["Value"]!;

    private static JsonArray Names(params string[] names) => [.. names.Select(name => JsonValue.Create(name))];
}
