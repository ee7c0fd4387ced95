using System.Text;
using System.Text.Json.Nodes;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Tests.Exports;

namespace Pipeline.Transform.Tests.Spark;

/// <summary><c>spark/exported_jobs.py</c> on the double of PySpark, which takes documents in DuckDB's SQL.</summary>
public sealed class ExportedJobsSpec(ExportScene scene) : IClassFixture<ExportScene>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Runs_every_job_and_tells_the_rows_that_are_not_as_expected()
    {
        await scene.ExportAsync("spark");
        var folder = scene.PathOf("spark");
        await TranslateAsync(folder);

        var (exit, lines) = await RunAsync(folder);

        Assert.True(exit == 0, string.Join(Environment.NewLine, lines));
        Assert.Matches("^11 documents, 21 outputs, [1-9][0-9] rows, 0 differences$", lines[^1]);

        string Expected(int run) => Path.Combine(folder, $"expected/gold__active-{run}/gold__active.parquet");
        File.Copy(Expected(1), Expected(2), overwrite: true);
        File.Delete(Path.Combine(folder, "documents", "gold__active-3.spark.json"));

        (exit, lines) = await RunAsync(folder, "gold/active");

        Assert.Equal(1, exit);
        Assert.Equal(
        [
            "gold/active#1 gold/active: 4 rows expected, 0 missing, 0 strange, 0 columns differ",
            "gold/active#2 gold/active: 4 rows expected, 1 missing, 3 strange, 0 columns differ",
            "documents/gold__active-3.spark.json fails",
            "3 documents, 2 outputs, 8 rows, 5 differences",
        ], lines.Where(line => line.StartsWith("gold/", StringComparison.Ordinal) || line.StartsWith("documents/", StringComparison.Ordinal) || line.Contains(" documents, ", StringComparison.Ordinal)));
    }

    /// <summary>Documents for Spark are those for DuckDB, as which the double takes them.</summary>
    private static async Task TranslateAsync(string folder)
    {
        var index = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "jobs.json"), Cancel))!;
        foreach (var job in index["jobs"]!.AsArray())
        {
            var path = (string)job!["documents"]!.AsArray().Single(document => (string)document!["dialect"]! == "duckdb")!["path"]!;
            var utf8 = Encoding.UTF8.GetBytes(SparkDouble.OfSpark(await File.ReadAllBytesAsync(Path.Combine(folder, path), Cancel), "../lake"));
            path = path.Replace(".duckdb.", ".spark.", StringComparison.Ordinal);
            await File.WriteAllBytesAsync(Path.Combine(folder, path), utf8, Cancel);
            job["documents"] = new JsonArray(new JsonObject { ["dialect"] = "spark", ["path"] = path, ["sha256"] = JobDocument.Sha256Of(utf8) });
        }

        await File.WriteAllTextAsync(Path.Combine(folder, "jobs.json"), index.ToJsonString(), Cancel);
    }

    private static async Task<(int ExitCode, IReadOnlyList<string> Lines)> RunAsync(params string[] arguments)
    {
        await using var host = new DoubleHost();
        await using var program = MedallionJob.StartScript("exported_jobs.py", MedallionJob.Environment(host), arguments);
        return await program.WaitForExitAsync(Cancel);
    }
}
