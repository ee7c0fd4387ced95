using Akka.Configuration;
using Pipeline.Configuration;
using Pipeline.Node.Composition;
using Pipeline.Operations.Options;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

public sealed class HoconFilesSpec
{
    /// <summary>What the stacks in <c>deploy/</c> say to a node, and no configuration can know.</summary>
    private static readonly Dictionary<string, string> Said = new(StringComparer.Ordinal)
    {
        ["AWS_REGION"] = "eu-central-1", ["PIPELINE_NAME"] = "shop", ["PIPELINE_LAKE"] = "s3://shop-lake/lake", ["PIPELINE_ARTIFACTS"] = "s3://shop-artifacts/jobs", ["PIPELINE_LOGS"] = "s3://shop-logs",
        ["PIPELINE_ENGINE_APPLICATION"] = "00f5abcdexample", ["PIPELINE_ENGINE_CLUSTER"] = "j-2AXXXXXXGAPLF", ["PIPELINE_ENGINE_ROLE"] = "arn:aws:iam::123456789012:role/jobs",
    };

    public static TheoryData<string> Files =>
        [.. Directory.EnumerateFiles(Path.Combine(Repository.Root, "hocon"), "*.conf", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Repository.Root, path)).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Files))]
    public void Every_file_can_be_read(string file)
    {
        var path = Path.Combine(Repository.Root, file);

        if (Path.GetFileName(path) == "akka.conf") Assert.False(ConfigurationFactory.ParseString(File.ReadAllText(path)).IsEmpty);
        else HoconReader.Read(path, File.ReadAllText, name => Environment.GetEnvironmentVariable(name) ?? Said.GetValueOrDefault(name));
    }

    [Theory]
    [InlineData("pipeline.conf")]
    [InlineData("demo.conf")]
    [InlineData("demo-emr.conf")]
    [InlineData("demo-emr-serverless.conf")]
    public void Every_configuration_is_valid_as_it_is_shipped(string file)
    {
        var options = PipelineOptions.Load(Path.Combine(Repository.Root, "hocon", file), SourceKinds.All, lakeLocation: null, _ => null);

        Assert.Equal(["crm", "app", "events"], options.Sources.Select(source => source.Name));
        Assert.Equal(11, options.Sources.Sum(source => source.Tables.Count));
    }

    [Theory]
    [InlineData("service.conf", "")]
    [InlineData("service-emr.conf", "Emr")]
    [InlineData("service-emr-serverless.conf", "EmrServerless")]
    public void A_node_of_the_stacks_has_what_they_say_to_it(string file, string engine)
    {
        var three = new Dictionary<string, string>(Said, StringComparer.Ordinal)
        {
            ["PIPELINE_HOSTNAME"] = "node-1.shop.pipeline.internal", ["PIPELINE_BIND_HOSTNAME"] = "0.0.0.0", ["PIPELINE_PORT"] = "4053", ["PIPELINE_SEED_1"] = "node-1.shop.pipeline.internal:4053",
            ["PIPELINE_SEED_2"] = "node-2.shop.pipeline.internal:4053", ["PIPELINE_CLUSTER_CA_FILE"] = "/run/pipeline/ca.pem", ["PIPELINE_CLUSTER_CERTIFICATE_FILE"] = "/run/pipeline/node.pem",
            ["PIPELINE_CLUSTER_KEY_FILE"] = "/run/pipeline/node.key", ["PIPELINE_JOURNAL_PROVIDER"] = "postgresql", ["PIPELINE_JOURNAL"] = "Host=journal", ["PIPELINE_HTTP_HOST"] = "0.0.0.0",
            ["PIPELINE_PAGES_TOPIC"] = "arn:aws:sns:eu-central-1:123456789012:pipeline-shop-pages",
        };

        // One node has neither a name nor a certificate that others would ask for.
        var alone = PipelineOptions.Load(Path.Combine(Repository.Root, "hocon", file), SourceKinds.All, lakeLocation: null, name => Said.GetValueOrDefault(name));
        var options = PipelineOptions.Load(Path.Combine(Repository.Root, "hocon", file), SourceKinds.All, lakeLocation: null, name => three.GetValueOrDefault(name));

        Assert.Empty(alone.RunProblems);
        Assert.Empty(options.RunProblems);
        Assert.Null(alone.Cluster.Tls);
        Assert.Empty(alone.Cluster.SeedNodes);
        Assert.True(alone.Cluster.IsLoopback);
        Assert.Equal(("shop", "s3://shop-lake/lake"), (options.Name, options.Lake.Location));
        Assert.Empty(options.Lake.Places.Locations);
        Assert.Equal(["node-1.shop.pipeline.internal:4053", "node-2.shop.pipeline.internal:4053"], options.Cluster.SeedNodes);
        Assert.Equal(("0.0.0.0", "/run/pipeline/node.key"), (options.Cluster.ListensAt, options.Cluster.Tls!.KeyFile));
        Assert.Equal(engine, options.Transform.Emr is not null ? "Emr" : options.Transform.EmrServerless is not null ? "EmrServerless" : "");
        Assert.Equal("eu-central-1", options.Telemetry.CloudWatch!.Aws.Region);
    }

    [Fact]
    public void The_places_of_tables_in_its_comment_are_valid_with_what_the_stacks_say()
    {
        var given = new Dictionary<string, string>(Said, StringComparer.Ordinal)
        {
            ["PIPELINE_EXTERNAL"] = "s3://shop-external/lake", ["PIPELINE_INTERNAL"] = "s3://shop-internal/lake", ["PIPELINE_STREAMING"] = "s3://shop-streaming/lake",
        };
        using var directory = new ScratchDirectory("pipeline-places-");
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "hocon"), "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(directory, Path.GetRelativePath(Path.Combine(Repository.Root, "hocon"), file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        var service = Path.Combine(directory, "service.conf");
        var lines = File.ReadAllLines(service).ToList();
        var (begins, ends) = (lines.FindIndex(line => line.StartsWith("  # lake.places {", StringComparison.Ordinal)), lines.IndexOf("  # }"));
        File.WriteAllLines(service, lines.Select((line, i) => i >= begins && i <= ends ? line.Replace("  # ", "  ", StringComparison.Ordinal) : line));

        var places = PipelineOptions.Load(service, SourceKinds.All, lakeLocation: null, name => given.GetValueOrDefault(name)).Lake.Places;

        Assert.Equal(["s3://shop-external/lake", "s3://shop-internal/lake", "s3://shop-streaming/lake"], places.InUse.Select(location => location.Address).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_nodes_of_compose_would_not_be_refused()
    {
        var given = new Dictionary<string, string>(StringComparer.Ordinal) { ["PIPELINE_HOSTNAME"] = "node-1", ["PIPELINE_JOURNAL"] = "Host=postgres", ["POSTGRES_PASSWORD"] = "compose" };

        // As compose.yaml puts them beside each other.
        using var directory = new ScratchDirectory("pipeline-compose-");
        File.Copy(Path.Combine(Repository.Root, "hocon", "akka.conf"), Path.Combine(directory, "akka.conf"));
        File.Copy(Path.Combine(Repository.Root, "docker", "compose", "pipeline.conf"), Path.Combine(directory, "pipeline.conf"));

        var options = PipelineOptions.Load(Path.Combine(directory, "pipeline.conf"), SourceKinds.All, lakeLocation: null, name => given.GetValueOrDefault(name));

        Assert.Empty(options.RunProblems);
        Assert.Equal(3, options.Cluster.SeedNodes.Count);
        Assert.Equal(["app", "events"], options.Sources.Select(source => source.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_file_is_included_somewhere()
    {
        var root = Path.Combine(Repository.Root, "hocon");
        var read = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in (string[])["pipeline.conf", "demo.conf", "demo-emr.conf", "demo-emr-serverless.conf", "service-emr.conf", "service-emr-serverless.conf", "template/pipeline.conf"])
        {
            HoconReader.Read(Path.Combine(root, file), path =>
            {
                read.Add(Path.GetRelativePath(Repository.Root, path));
                return File.ReadAllText(path);
            }, name => Said.GetValueOrDefault(name));
        }

        Assert.Equal(Files.Select(row => row.Data).Where(file => Path.GetFileName(file) != "akka.conf"), read.Order(StringComparer.Ordinal));
    }
}
