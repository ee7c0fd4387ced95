using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Pipeline.Configuration;
using Pipeline.Testing;
using Pipeline.Transform;

namespace Pipeline.Node.Tests;

/// <summary>The page for who runs jobs on a cluster says what the program reads, and asks for the rights that it needs.</summary>
public sealed partial class EmrDocsSpec
{
    /// <summary>A call of the SDK, and the right that it needs.</summary>
    private static readonly Dictionary<string, string> S3Rights = new(StringComparer.Ordinal)
    {
        ["GetObject"] = "s3:GetObject", ["GetObjectMetadata"] = "s3:GetObject", ["PutObject"] = "s3:PutObject", ["DeleteObject"] = "s3:DeleteObject", ["ListObjectsV2"] = "s3:ListBucket",
        ["ListMultipartUploads"] = "s3:ListBucketMultipartUploads", ["AbortMultipartUpload"] = "s3:AbortMultipartUpload",
        ["InitiateMultipartUpload"] = "s3:PutObject", ["UploadPart"] = "s3:PutObject", ["CompleteMultipartUpload"] = "s3:PutObject",
    };

    private static readonly string Page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "emr.md"));

    [Fact]
    public void Every_piece_of_configuration_is_one()
    {
        foreach (var block in Blocks("hocon"))
        {
            var (options, problems, _) = Bind(block);

            Assert.Empty(problems);
            Assert.NotNull(options.Emr);
        }
    }

    [Fact]
    public void Every_setting_stands_there_with_its_default()
    {
        var (_, _, notes) = Bind("pipeline.transform.emr { region = eu-central-1, cluster { scaling { core-max = 1 } } }");
        var rows = Page.Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Select(line => line.Split('|', StringSplitOptions.TrimEntries)).ToLookup(cells => cells[1].Trim('`'), cells => cells[2], StringComparer.Ordinal);
        const string Emr = "pipeline.transform.emr.";
        string[] given = ["region", "scaling.core-max"];
        var asked = notes.Asked.Where(setting => setting.Path.StartsWith(Emr, StringComparison.Ordinal)).Select(setting => setting with { Path = setting.Path[Emr.Length..] }).ToList();

        Assert.True(asked.Count > 15);
        // A section is told by what is in it.
        Assert.All(asked.Where(setting => setting.Kind != SettingKind.Section), setting =>
        {
            var name = setting.Path.StartsWith("cluster.", StringComparison.Ordinal) ? setting.Path["cluster.".Length..] : setting.Path;
            var stated = Assert.Single(rows[name]);
            if (setting.Default is { } byDefault && !given.Contains(name, StringComparer.Ordinal)) Assert.Equal($"`{byDefault}`", stated, ignoreCase: true);
        });
    }

    [Fact]
    public void The_nodes_policy_allows_the_calls_that_it_makes_and_no_others()
    {
        var policy = JsonNode.Parse(Assert.Single(Blocks("json")))!;
        var allowed = policy["Statement"]!.AsArray().SelectMany(statement => statement!["Action"]!.AsArray().Select(action => (string)action!)).Order(StringComparer.Ordinal);
        var emr = Operation().Matches(Source("Pipeline.Aws", "Emr", "EmrClient.cs")).Select(operation => $"elasticmapreduce:{operation.Groups["name"].Value}");
        var s3 = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Pipeline.Delta", "Storage"), "S3*.cs").SelectMany(file => S3Call().Matches(File.ReadAllText(file))).Select(call => S3Rights[call.Groups["name"].Value]);

        Assert.Equal(emr.Concat(s3).Append("iam:PassRole").Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal), allowed);
    }

    private static IEnumerable<string> Blocks(string language) => Block().Matches(Page).Where(block => block.Groups["language"].Value == language).Select(block => block.Groups["text"].Value);

    private static string Source(params string[] path) => File.ReadAllText(Path.Combine([Repository.Root, "src", .. path]));

    private static (TransformOptions Options, List<ConfigProblem> Problems, SettingsNotes Notes) Bind(string text)
    {
        var problems = new List<ConfigProblem>();
        var settings = new SettingsReader(HoconReader.Read("a.conf", _ => text, _ => null), "", problems).Section("pipeline").Section("transform");
        return (TransformOptions.Bind(settings), problems, settings.Notes);
    }

    [GeneratedRegex(@"^```(?<language>\w+)\n(?<text>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"(?:Request\(clusterId|TargetPrefix), ""(?<name>\w+)""", RegexOptions.ExplicitCapture)]
    private static partial Regex Operation();

    [GeneratedRegex(@"[cC]lient\.(?<name>\w+?)Async\(", RegexOptions.ExplicitCapture)]
    private static partial Regex S3Call();
}
