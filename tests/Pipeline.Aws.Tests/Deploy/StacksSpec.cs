using System.Text.Json.Nodes;
using Pipeline.Testing;

namespace Pipeline.Aws.Tests.Deploy;

/// <summary>What the templates in <c>deploy/</c> make, and that an emulation of AWS makes it.</summary>
public sealed class StacksSpec
{
    /// <summary>Types that <c>moto</c> does not make. One that it has learnt fails the test, and goes.</summary>
    private static readonly string[] NotEmulated =
    [
        "AWS::EC2::SecurityGroupEgress", "AWS::EMRServerless::Application", "AWS::S3::BucketPolicy",
    ];

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
    public void CloudFormation_itself_reads_no_aliases()
    {
        foreach (var file in Directory.EnumerateFiles(Stacks.Folder, "*.yaml"))
            Assert.DoesNotMatch(@"(?m):\s+[&*][a-zA-Z]", File.ReadAllText(file));
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
        JsonObject Given(string clusterOf) => new()
        {
            ["Name"] = "shop", ["RepositoryArn"] = "arn:aws:ecr:eu-central-1:123456789012:repository/pipeline", ["S3PrefixList"] = "pl-1", ["KafkaCidr"] = "10.9.0.0/24", ["ClusterOf"] = clusterOf,
        };

        var made = await Stacks.MadeAsync([
            new JsonObject { ["stacks"] = Names("storage", "network", "roles", "emr", "emr-serverless"), ["parameters"] = Given("stack") },
            new JsonObject { ["stacks"] = Names("storage", "network", "roles", "emr"), ["parameters"] = Given("pipeline") }]);

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

    private static string KindOf(JsonObject bucket) => (string)bucket["Properties"]!["Tags"]!.AsArray().Single(tag => (string)tag!["Key"]! == "kind")!["Value"]!;

    private static JsonArray Names(params string[] names) => [.. names.Select(name => JsonValue.Create(name))];
}
