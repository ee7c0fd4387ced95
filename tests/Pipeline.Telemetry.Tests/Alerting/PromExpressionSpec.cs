using System.Runtime.CompilerServices;
using System.Text.Json;
using Pipeline.Telemetry.Alerting;
using Pipeline.Testing;

namespace Pipeline.Telemetry.Tests.Alerting;

/// <summary>Queries are read by others: those with underscores by Prometheus itself, those with dots by the grammar of its third version.</summary>
public sealed class PromExpressionSpec
{
    [Fact]
    public async Task Queries_for_CloudWatch_are_PromQL_with_names_in_UTF_8()
    {
        var folder = Path.Combine(Path.GetDirectoryName(Here())!, "PromQlGrammar");
        var modules = await NpmModules.TryFetchAsync(Path.Combine(folder, "package.json"), TestContext.Current.CancellationToken);
        Assert.SkipWhen(modules is null, "npm cannot fetch @prometheus-io/lezer-promql.");
        // The grammar can say no: a name with dots stands in quotes.
        string[] queries = [.. Alerts.All.Select(alert => PrometheusRules.QueryOf(alert, "sales \"north\"").Print(PromForm.Dots)), "sum by (pipeline.table) (x)"];
        using var directory = new ScratchDirectory("promql-");
        var file = Path.Combine(directory, "queries.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(queries), TestContext.Current.CancellationToken);
        await using var node = OutsideProgram.TryStart("node", [Path.Combine(folder, "parse.mjs"), modules, file]);
        Assert.SkipWhen(node is null, "There is no node.");

        var (exit, lines) = await node.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal((0, $"wrong {queries.Length - 1}\nparsed"), (exit, string.Join('\n', lines)));
    }

    [Fact]
    public async Task Rules_are_taken_by_Prometheus()
    {
        using var directory = new ScratchDirectory("promql-");
        var file = Path.Combine(directory, "rules.yml");
        await File.WriteAllTextAsync(file, PrometheusRules.Write("sales \"north\" & it's", new AlertOptions().LinkOf), TestContext.Current.CancellationToken);
        await using var promtool = OutsideProgram.TryStart("promtool", ["check", "rules", file]);
        Assert.SkipWhen(promtool is null, "There is no promtool: apt-get install prometheus.");

        var (exit, lines) = await promtool.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.True(exit == 0, string.Join('\n', lines));
    }

    private static string Here([CallerFilePath] string path = "") => path;
}
