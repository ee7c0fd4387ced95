using Pipeline.Configuration;
using Pipeline.Node.Composition;
using Pipeline.Operations.Options;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>
/// The three sources are siblings: the same file for the same thing, the same option for the same idea. Options are those
/// that the code asks for when it binds a configuration.
/// </summary>
public sealed partial class ArchitectureSpec
{
    /// <summary>Options, or sections of options, that one source has and the others have not, and why. Ten are enough.</summary>
    private static readonly Dictionary<string, string> OnlyOne = new(StringComparer.Ordinal)
    {
        ["kafka fetch-wait-max"] = "brokers hold a request until something is new; the others are looked at every poll-interval",
        ["kafka ends-interval"] = "a client remembers the end of a partition from its last fetch; the others see the end whenever they look, every poll-interval",
        ["kafka tables.NAME.workers"] = "a topic has many splits to share out, a table of the others one or two",
        ["kafka tables.NAME.record-bytes-max"] = "a record is whatever somebody produced; a row has the size that its table allows",
        ["postgres connections-max"] = "connections are scarce at the server and kept open; the others have a client that shares its own",
        ["postgres tables.NAME.overlap"] = "for watermarks from clocks outside the server; at Snowflake commit-lag is longer than they differ",
        ["postgres capture"] = "change capture leaves a slot and a publication on the server, which have names and habits",
        ["snowflake statement-timeout"] = "a statement goes on, and costs, after the one who asked has left",
    };

    [Fact]
    public void The_sources_have_files_and_folders_of_the_same_names() =>
        Assert.All(SourceSibling.All, sibling => Assert.Equal(SourceSibling.All[0].Files, sibling.Files));

    [Fact]
    public void Sources_have_the_same_options_but_for_those_that_have_a_reason()
    {
        var lonely = SourceSibling.All.SelectMany(sibling => sibling.Measured
            .Where(option => !SourceSibling.All.Any(other => other != sibling && other.Measured.Any(theirs => SourceSibling.NameOf(theirs) == SourceSibling.NameOf(option))))
            .Select(option => $"{sibling.Kind} {MatterOf(sibling.Kind, option.Path)}"));

        Assert.Equal(OnlyOne.Keys.Order(StringComparer.Ordinal), lonely.Distinct().Order(StringComparer.Ordinal));
        Assert.InRange(OnlyOne.Count, 0, 10);
        Assert.All(OnlyOne.Values, reason => Assert.True(reason.Length > 20, reason));
    }

    [Fact]
    public void An_option_of_several_sources_is_written_alike_and_has_the_same_range_in_all() =>
        Assert.All(SourceSibling.All.SelectMany(sibling => sibling.Options).GroupBy(SourceSibling.NameOf, StringComparer.Ordinal),
            same => Assert.Single(same.Select(option => (option.Kind, option.Min, option.Max)).Distinct()));

    [Fact]
    public void No_source_gives_a_name_of_the_nodes_own_another_meaning()
    {
        // Time-outs, pauses, addresses, certificates and forms are the same idea, of something else.
        string[] alike = ["request-timeout", "poll-interval", "backoff-min", "backoff-max", "attempts-max", "time-max", "host", "port", "ca-file", "certificate-file", "key-file", "key-password", "plaintext", "format"];
        string[] free = ["pipeline.sources", "pipeline.silver", "pipeline.gold"];
        var options = PipelineOptions.Load(Path.Combine(Repository.Root, "hocon", "pipeline.conf"), SourceKinds.All, lakeLocation: null, _ => null);
        var node = options.Notes.Asked.Where(option => option.Kind is not SettingKind.Section && !Array.Exists(free, option.Path.StartsWith))
            .Select(SourceSibling.NameOf).ToHashSet(StringComparer.Ordinal);

        Assert.Contains("buffer-bytes-max", node);
        Assert.Empty(SourceSibling.All.SelectMany(sibling => sibling.Options).Select(SourceSibling.NameOf).Where(node.Contains).Distinct().Except(alike));
    }

    /// <summary>The options of a section that only one source has are one matter.</summary>
    private static string MatterOf(string kind, string path) => path.Split('.')[0] is var section && OnlyOne.ContainsKey($"{kind} {section}") ? section : path;
}
