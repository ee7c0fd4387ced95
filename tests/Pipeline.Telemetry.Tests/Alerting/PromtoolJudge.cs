using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using Pipeline.Testing;

namespace Pipeline.Telemetry.Tests.Alerting;

/// <summary>
/// Has Prometheus's own <c>promtool test rules</c> (Debian's package <c>prometheus</c>) evaluate rules over histories, minute by minute:
/// <code>
/// PromtoolJudge.SkipUnlessThere();
/// var pages = await PromtoolJudge.PagesAsync(histories, rulesYaml, history => history.Tables.SelectMany(table => new[]
/// {
///     PromtoolJudge.Series(table, "pipeline_table_freshness", at => table.Samples[at].Freshness),
///     PromtoolJudge.Series(table, "pipeline_table_freshness_sla", _ => table.Sla),
/// }.SelectMany(series => series)), cancellationToken);
/// Judge.Of(histories[i], pages[i]);
/// </code>
/// It is asked at every minute for the alerts that fire; what it says of a minute at which some do is read back. A sample stands
/// at the next whole minute, and a series that was not scraped is stale from then on, as it is to a server.
/// </summary>
public static partial class PromtoolJudge
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A series in promtool's notation.</summary>
    public sealed record PromSeries(string Selector, string Values);

    public static void SkipUnlessThere() => Assert.SkipUnless(Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, "promtool"))),
        "There is no promtool: apt-get install prometheus.");

    /// <summary>
    /// A metric of a table with its labels <c>table</c> and <c>layer</c>: one series for each node that told, with <c>instance</c>, as a
    /// scraper has it. A value that is NaN was not there.
    /// </summary>
    public static IEnumerable<PromSeries> Series(TableHistory table, string name, Func<int, double> ofSample, string labels = "") =>
        table.Samples.Index().GroupBy(at => at.Item.Node).Select(node =>
        {
            var values = new StringBuilder();
            var (minute, isThere) = (0, false);
            foreach (var (index, sample) in node)
            {
                var (at, value) = ((int)Math.Ceiling(sample.At / 60), ofSample(index));
                if (double.IsNaN(value)) continue;
                for (; minute < at; minute++, isThere = false) values.Append(isThere ? "stale " : "_ ");
                values.Append(CultureInfo.InvariantCulture, $"{value:0.###} ");
                (minute, isThere) = (at + 1, true);
            }
            return new PromSeries($$"""{{name}}{table="{{table.Table}}",layer="{{table.Layer}}",instance="node-{{node.Key}}"{{(labels.Length > 0 ? "," : "")}}{{labels}}}""", values.Append("stale").ToString());
        });

    /// <param name="rules">The file of rules, in YAML.</param>
    /// <param name="series">What a server would have scraped of a history.</param>
    /// <param name="pages">Matchers of the alerts that page.</param>
    /// <returns>For each history the pages that began; with several tables one for each, which the label <c>table</c> names.</returns>
    public static async Task<IReadOnlyList<IReadOnlyList<Page>>> PagesAsync(
        IReadOnlyList<History> histories, string rules, Func<History, IEnumerable<PromSeries>> series, CancellationToken cancellationToken, string pages = "severity=\"page\"")
    {
        using var directory = new ScratchDirectory("pipeline-promtool-");
        await File.WriteAllTextAsync(Path.Combine(directory.Path, "rules.yml"), rules, cancellationToken);
        for (var i = 0; i < histories.Count; i++)
        {
            await using var file = File.Create(Path.Combine(directory.Path, FileOf(i)));
            await JsonSerializer.SerializeAsync(file, TestOf(histories[i], series(histories[i]), $"ALERTS{{alertstate=\"firing\",{pages}}} # history {i}"), Plain, cancellationToken);
        }

        await using var promtool = OutsideProgram.TryStart("promtool", ["test", "rules", .. Enumerable.Range(0, histories.Count).Select(i => Path.Combine(directory.Path, FileOf(i)))])
            ?? throw new InvalidOperationException("There is no promtool.");
        var (exitCode, lines) = await promtool.WaitForExitAsync(cancellationToken);
        return Read(histories, lines, exitCode);
    }

    private static string FileOf(int history) => $"history-{history}.json";

    private static object TestOf(History history, IEnumerable<PromSeries> series, string firing) => new
    {
        rule_files = new[] { "rules.yml" },
        evaluation_interval = "1m",
        tests = new[]
        {
            new
            {
                interval = "1m",
                input_series = series.Select(one => new { series = one.Selector, values = one.Values }),
                promql_expr_test = Enumerable.Range(1, (int)(history.Length / 60)).Select(minute => new { expr = firing, eval_time = $"{minute}m" }),
            },
        },
    };

    /// <summary>
    /// Nothing is expected to fire at any minute: where something does, promtool says by which query, at what time, and what. What it
    /// says of failures and what of the rest comes from two streams, so the query has to name the history.
    /// </summary>
    private static IReadOnlyList<IReadOnlyList<Page>> Read(IReadOnlyList<History> histories, IReadOnlyList<string> lines, int exitCode)
    {
        var told = histories.Select(_ => new List<Page>()).ToArray();
        var (history, passed, failed) = (-1, 0, 0);
        var minute = TimeSpan.Zero;
        foreach (var line in lines.Select(line => line.Trim()))
        {
            if (FailureOf().Match(line) is { Success: true } time) (history, minute) = (Number(time, 1), new TimeSpan(Number(time, 2), Number(time, 3), Number(time, 4), 0));
            else if (line == "SUCCESS") passed++;
            else if (line.EndsWith("FAILED:", StringComparison.Ordinal)) failed++;
            else if (line.StartsWith("got:", StringComparison.Ordinal))
            {
                var tables = histories[history].Tables.Count;
                told[history].AddRange(AlertOf().Matches(line).Select(alert => new Page(minute.TotalSeconds, minute.TotalSeconds + 60,
                    tables > 1 && TableOf().Match(alert.Value) is { Success: true } table ? table.Groups[1].Value : null)));
            }
            else if (line.Length > 0 && line != "exp: nil" && !line.StartsWith("Unit Testing:", StringComparison.Ordinal)) throw new InvalidOperationException($"promtool says: {line}");
        }
        if (passed + failed != histories.Count) throw new InvalidOperationException($"promtool ended with {exitCode}, after {passed + failed} of {histories.Count} histories: {string.Join('\n', lines.Take(20))}");
        return [.. told.Select(pages => pages.GroupBy(page => page.Table).SelectMany(table => Page.Union(table)).OrderBy(page => page.Began).ToList())];

        static int Number(Match match, int group) => match.Groups[group].Success ? int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture) : 0;
    }

    [GeneratedRegex(@"^expr: .*# history (\d+)"", time: (?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?,$", RegexOptions.None, 1000)]
    private static partial Regex FailureOf();

    [GeneratedRegex(@"\{__name__=""ALERTS""[^}]*\}", RegexOptions.None, 1000)]
    private static partial Regex AlertOf();

    [GeneratedRegex(@"[{ ]table=""([^""]*)""", RegexOptions.None, 1000)]
    private static partial Regex TableOf();
}
