using System.Text.RegularExpressions;
using Pipeline.Core.Metrics;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>What the list of instruments says of itself, its document and its tests. The demo is compared with it by DemoProcessSpec.</summary>
public sealed partial class InstrumentsSpec
{
    private static readonly string Document = Path.Combine(Repository.Root, "docs", "metrics.md");

    public static TheoryData<string> Conditional => [.. Fields().Where(listed => listed.Info.OnlyWhen is not null).Select(listed => listed.Name)];

    [Fact]
    public void Every_instrument_is_in_the_list_once() =>
        Assert.Equal(Fields().Select(listed => Measurements.Describe(listed.Info)).Order(StringComparer.Ordinal), Instruments.All.Select(Measurements.Describe).Order(StringComparer.Ordinal));

    [Fact]
    public void An_instrument_of_several_meters_means_the_same_everywhere() =>
        Assert.All(Instruments.All.GroupBy(info => info.Name), same => Assert.Single(same.Select(info => Measurements.Describe(info)[info.Meter.Length..]).Distinct()));

    [Fact]
    public void Instruments_are_made_from_the_list_alone() =>
        Assert.Equal(["PipelineMeter.cs"], Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(path => Making().IsMatch(File.ReadAllText(path))).Select(Path.GetFileName));

    [Theory, MemberData(nameof(Conditional))]
    public void What_the_demo_need_not_measure_is_measured_in_another_test(string instrument) =>
        Assert.Contains(Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests"), "*Spec.cs", SearchOption.AllDirectories),
            path => Regex.IsMatch(File.ReadAllText(path), $"[.](Sum|Observe)[(]Instruments[.]{instrument}[,)]"));

    /// <summary>With <c>GOLDEN=update</c> the table is written.</summary>
    [Fact]
    public void The_document_shows_the_list()
    {
        var rows = Instruments.All.Select(info =>
            $"| `{info.Name}` | `{info.Meter}` | {info.Kind.ToString().ToLowerInvariant()} | `{info.Unit}` | {string.Join(", ", info.Tags.Select(tag => $"`{tag}`"))} | {info.Meaning} | {info.OnlyWhen} |");
        var table = string.Join('\n', ["| instrument | meter | kind | unit | tags | meaning | only when |", "|---|---|---|---|---|---|---|", .. rows]) + "\n";
        var text = File.ReadAllText(Document);
        var (start, end) = (text.IndexOf("| instrument |", StringComparison.Ordinal), text.LastIndexOf("|\n", StringComparison.Ordinal) + 2);
        if (Environment.GetEnvironmentVariable("GOLDEN") == "update") File.WriteAllText(Document, text[..start] + table + text[end..]);

        Assert.Equal(table, File.ReadAllText(Document)[start..].Split("\n\n")[0].TrimEnd('\n') + "\n");
    }

    [GeneratedRegex("[.]Create(Observable)?(Counter|UpDownCounter|Gauge|Histogram)[<(]")]
    private static partial Regex Making();

    private static IEnumerable<(string Name, InstrumentInfo Info)> Fields() => typeof(Instruments).GetFields()
        .Where(field => field.FieldType == typeof(InstrumentInfo)).Select(field => (field.Name, (InstrumentInfo)field.GetValue(null)!));
}
