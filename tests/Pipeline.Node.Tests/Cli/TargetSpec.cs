using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Models;
using Pipeline.Operations.Options;
using Pipeline.Operations.Sources;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>The same tables in another lake, of a sample, and nothing of the pipeline's own is touched.</summary>
[Collection(HealthySources.Name)]
public sealed class TargetSpec(HealthySources sources) : IDisposable
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly ScratchDirectory _directory = new("pipeline-target-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Dev => Path.Combine(_directory, "lake-dev");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Silver_and_Gold_are_made_of_a_sample_in_another_lake()
    {
        await SqlAsync("""
            DROP TABLE IF EXISTS carts, visits;
            CREATE TABLE carts (id bigint PRIMARY KEY, total bigint, updated_at timestamptz NOT NULL DEFAULT now());
            CREATE TABLE visits (id bigint PRIMARY KEY);
            INSERT INTO carts SELECT i, i FROM generate_series(1, 50) AS i; INSERT INTO visits SELECT generate_series(1, 50);
            """);
        // Of two sources one has landed, and the other, by change capture, never has.
        var config = await ConfigureAsync();
        var landed = await RunAsync("run", "--once", "carts", "carts_total");
        Assert.True(landed.ExitCode == ExitCode.Done, landed.ToString());
        var before = Files();
        var traces = await TracesAsync();

        var first = await RunAsync("run", "--once", "--target", "dev");
        var again = await RunAsync("run", "--once", "--target", "dev");
        var shown = await RunAsync("show", "gold/carts_total", "--target", "dev", "-o", "json");
        var preview = await RunAsync("preview", "visits", "--target", "dev", "-o", "json");
        var plain = await RunAsync("run", "--target", "dev");

        Assert.True((first.ExitCode, again.ExitCode, shown.ExitCode, preview.ExitCode) == (ExitCode.Done, ExitCode.Done, ExitCode.Done, ExitCode.Done), $"{first}\n{again}\n{shown}\n{preview}");
        Assert.Contains("bronze/app/carts: 20 rows of the pipeline's lake", first.Messages, StringComparison.Ordinal);
        Assert.Contains("bronze/captured/visits: 20 rows of its source", first.Messages, StringComparison.Ordinal);
        Assert.Contains("bronze/app/carts: 20 rows are there already", again.Messages, StringComparison.Ordinal);
        Assert.Equal("20 20 20 20 1", await RowsAsync("bronze/app/carts", "silver/carts", "bronze/captured/visits", "silver/visits", "gold/carts_total"));
        Assert.Equal(20, (long)shown.Rows[0]!["carts"]!);
        Assert.Equal(20, preview.Rows.Count);
        Assert.Contains("Make them once: ./pipeline run --once --target dev", plain.Messages, StringComparison.Ordinal);
        Assert.Equal(traces, await TracesAsync());
        Assert.Equal(before, Files());
        Assert.DoesNotContain("error", first.Messages, StringComparison.OrdinalIgnoreCase);
        Assert.NotEmpty(config);
    }

    [Fact]
    public async Task Of_two_that_sample_at_the_same_time_the_later_takes_the_rows_that_are_there()
    {
        await SqlAsync("DROP TABLE IF EXISTS carts; CREATE TABLE carts (id bigint PRIMARY KEY, total bigint, updated_at timestamptz NOT NULL DEFAULT now()); INSERT INTO carts SELECT i, i FROM generate_series(1, 50) AS i");
        var options = PipelineOptions.Load(await ConfigureAsync(), SourceKinds.All, lakeLocation: null, _ => null, target: "dev");
        SampledBronzeTable? faster = null;
        var overtaken = new OvertakenStore(new LocalObjectStore(Dev), async () => faster = await SampleAsync(new LocalObjectStore(Dev)));

        var slower = await SampleAsync(overtaken);

        Assert.Equal((SampleOrigin.Source, 20L), (faster!.Origin, faster.Rows));
        Assert.Equal((SampleOrigin.Target, 20L), (slower.Origin, slower.Rows));
        Assert.Equal("20", await RowsAsync("bronze/app/carts"));

        async Task<SampledBronzeTable> SampleAsync(IObjectStore store)
        {
            var lake = new Lake(store, TimeProvider.System);
            var services = new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, options.Secrets, new LakeOwner(options.Name, lake));
            return (await SampleBronze.RunAsync(new SampleBronzeRequest([TableId.Parse("bronze/app/carts")]), options, services, Lakes.Open(options.Target!.Production, TimeProvider.System), lake, Cancel)).Tables.Single();
        }
    }

    [Theory]
    [InlineData("link", "other", "is the pipeline's own lake, or in it, or around it.")]
    [InlineData("link/dev", "other", "is the pipeline's own lake, or in it, or around it.")]
    [InlineData("dev", "dev", "is the lake of target 'dev', or in it, or around it")]
    [InlineData("dev", "dev/other", "is the lake of target 'dev', or in it, or around it")]
    [InlineData("elsewhere/inner", "elsewhere/link", "is the lake of target 'dev', or in it, or around it")]
    public async Task A_target_shares_no_place_by_whatever_way_it_is_reached(string dev, string other, string told)
    {
        Directory.CreateSymbolicLink(Path.Combine(_directory, "link"), Path.Combine(_directory, "lake"));
        Directory.CreateDirectory(Path.Combine(_directory, "elsewhere"));
        Directory.CreateSymbolicLink(Path.Combine(_directory, "elsewhere/link"), "inner");
        await ConfigureAsync(Path.Combine(_directory, dev), $$"""other { lake = "{{Path.Combine(_directory, other)}}" }""");

        var run = await RunAsync("tables", "--target", "dev");

        Assert.NotEqual(ExitCode.Done, run.ExitCode);
        Assert.Contains(told, run.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Targets_beside_each_other_and_links_that_lead_in_a_circle_are_no_fault()
    {
        Directory.CreateSymbolicLink(Path.Combine(_directory, "a"), "b/c");
        Directory.CreateSymbolicLink(Path.Combine(_directory, "b"), "a/c");

        await ConfigureAsync(Path.Combine(_directory, "lake-dev"), $$"""other { lake = "{{Path.Combine(_directory, "lake-dev-2")}}" }, third { lake = "{{Path.Combine(_directory, "a")}}" }""");

        Assert.Equal(3, PipelineOptions.Load(Path.Combine(_directory, "pipeline.conf"), SourceKinds.All, lakeLocation: null, _ => null).Targets.Count);
    }

    [Theory]
    [InlineData("dve", "", "Did you mean 'dev'?")]
    [InlineData("dev", "lake", "is the pipeline's own lake, or in it, or around it.")]
    [InlineData("dev", "lake/dev", "is the pipeline's own lake, or in it, or around it.")]
    public async Task A_target_that_is_none_is_told(string target, string place, string told)
    {
        await ConfigureAsync(place.Length == 0 ? Dev : Path.Combine(_directory, place));

        var run = await RunAsync("tables", "--target", target);

        Assert.NotEqual(ExitCode.Done, run.ExitCode);
        Assert.Contains(told, run.Messages, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("config show")]
    [InlineData("config diff other.conf")]
    [InlineData("token list")]
    [InlineData("token issue somebody")]
    [InlineData("token rotate somebody")]
    [InlineData("token revoke 1")]
    [InlineData("metrics list")]
    [InlineData("ask /v1/status")]
    [InlineData("watch --times 1")]
    [InlineData("log-level")]
    [InlineData("jobs list")]
    [InlineData("shards show")]
    [InlineData("cluster show")]
    [InlineData("cluster down a:1 --reason none")]
    [InlineData("cluster leave a:1 --reason none")]
    public async Task A_verb_that_is_about_no_lake_takes_no_target(string verb)
    {
        await ConfigureAsync();

        var run = await RunAsync([.. verb.Split(' '), "--target", "dev"]);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains("--target", run.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_two_words_for_a_lake_one_is_refused()
    {
        await ConfigureAsync();

        var run = await RunAsync("tables", "--target", "dev", "--lake", Dev);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains("--lake and --target both say which lake", run.Messages, StringComparison.Ordinal);
    }

    private Task<NodeRun> RunAsync(params string[] arguments) => NodeRun.OfAsync([.. arguments, "--config", Path.Combine(_directory, "pipeline.conf")]).WaitAsync(Deadline, Cancel);

    private async Task<string> ConfigureAsync(string? dev = null, string others = "")
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "carts_total.sql"), "SELECT count(*) AS carts FROM silver.carts", Cancel);
        var captured = sources.PostgresOf("""visits { table = "public.visits", key = [id] }""", "mode = cdc, capture { slot = target_spec, publication = target_spec }").Replace("app {", "captured {", StringComparison.Ordinal);
        return await RunningNode.ConfigureAsync(_directory, $$"""
            {{sources.PostgresOf("""carts { table = "public.carts", watermark = updated_at, key = [id] }""")}}
            {{captured}}
            """, $$"""
            silver {
              carts { from = bronze/app/carts, columns { id { type = long, required = true }, total { type = long } }, key = [id] }
              visits { from = bronze/captured/visits, columns { id { type = long, required = true } }, key = [id] }
            }
            gold { carts_total { sql = "carts_total.sql", materialization = full } }
            transform.temp-directory = "{{Path.Combine(_directory, "work")}}"
            targets { dev { lake = "{{dev ?? Dev}}", sample-rows = 20 }{{(others.Length == 0 ? "" : ", " + others)}} }
            """);
    }

    /// <summary>All but the target's lake and what work leaves: each file of the pipeline's lake and its journal, as it was last written.</summary>
    private string[] Files() => [.. Directory.EnumerateFiles(_directory, "*", SearchOption.AllDirectories).Select(file => (Path: Path.GetRelativePath(_directory, file), File: new FileInfo(file)))
        .Where(file => !file.Path.StartsWith("lake-dev/", StringComparison.Ordinal) && !file.Path.StartsWith("work/", StringComparison.Ordinal)).Select(file => $"{file.Path} {file.File.Length} {file.File.LastWriteTimeUtc:O}").Order(StringComparer.Ordinal)];

    private async Task<string> RowsAsync(params string[] tables)
    {
        var lake = new Lake(new LocalObjectStore(Dev), TimeProvider.System);
        var rows = new List<long?>();
        foreach (var table in tables) rows.Add((await lake.TryOpenAsync(TableId.Parse(table), Cancel))?.Current.RowCount);
        return string.Join(' ', rows);
    }

    private async Task<string> TracesAsync()
    {
        await using var database = NpgsqlDataSource.Create(sources.PostgresConnectionString);
        await using var command = database.CreateCommand("SELECT concat_ws(' ', (SELECT string_agg(slot_name, ',') FROM pg_replication_slots), (SELECT string_agg(pubname, ',') FROM pg_publication))");
        return (string)(await command.ExecuteScalarAsync(Cancel))!;
    }

    private async Task SqlAsync(string sql)
    {
        await using var database = NpgsqlDataSource.Create(sources.PostgresConnectionString);
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
