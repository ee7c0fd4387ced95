using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

public sealed class LakeVerbsSpec : IDisposable
{
    private readonly LakeFixture _lake = new();

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task Tables_lists_every_table_of_the_lake_by_layer()
    {
        await _lake.AppendAsync(TableId.Gold("dim_people"), "Ada");
        await _lake.AppendAsync(TableId.Bronze("crm", "people"), "Ada", "Grace");
        await _lake.AppendAsync(TableId.Bronze("crm", "people"), "Edsger");
        await _lake.AppendAsync(TableId.Bronze("app", "people"), "Ada");
        await _lake.AppendAsync(TableId.Silver("people"), "Ada");

        var run = await RunAsync("tables", "-o", "json");

        Assert.Equal(ExitCode.Done, run.ExitCode);
        var tables = run.Rows;
        Assert.Equal(["bronze/app/people", "bronze/crm/people", "silver/people", "gold/dim_people"], tables.Select(table => (string)table!["table"]!));
        var crm = tables[1]!;
        Assert.Equal((2, 3, 2), ((int)crm["version"]!, (int)crm["rows"]!, (int)crm["files"]!));
        Assert.Equal("2026-03-02T12:00:00.002+00:00", (string)crm["committed_at"]!);
    }

    [Fact]
    public async Task An_empty_lake_has_no_tables()
    {
        var run = await RunAsync("tables", "-o", "json");

        Assert.Equal(ExitCode.Done, run.ExitCode);
        Assert.Empty(run.Rows);
        Assert.Contains("has no tables yet", run.Messages);
    }

    [Fact]
    public async Task Show_prints_rows_with_the_partition_column()
    {
        await _lake.AppendAsync(TableId.Bronze("crm", "people"), "Ada", null);

        var run = await RunAsync("show", "bronze/crm/people", "-o", "json");

        Assert.Equal(ExitCode.Done, run.ExitCode);
        var rows = run.Rows;
        Assert.Equal("""[{"id":1,"name":"Ada","_ingest_date":"2026-03-02"},{"id":2,"name":null,"_ingest_date":"2026-03-02"}]""", rows.ToJsonString());
    }

    [Fact]
    public async Task Show_stops_at_the_limit_and_goes_back_to_a_version()
    {
        await _lake.AppendAsync(TableId.Silver("people"), "Ada", "Grace", "Edsger");
        await _lake.AppendAsync(TableId.Silver("people"), "Barbara");

        Assert.Equal(2, (await RunAsync("show", "silver/people", "--limit", "2", "-o", "json")).Rows.Count);
        Assert.Equal(4, (await RunAsync("show", "silver/people", "-o", "json")).Rows.Count);
        Assert.Equal(3, (await RunAsync("show", "silver/people", "--version", "1", "-o", "json")).Rows.Count);
    }

    [Fact]
    public async Task Show_prints_a_table_for_people()
    {
        await _lake.AppendAsync(TableId.Silver("people"), "Ada [Countess]");

        var run = await RunAsync("show", "silver/people");

        Assert.Matches(@"id\s+name", run.Data);
        Assert.Matches(@"1\s+Ada \[Countess\]", run.Data);
    }

    [Fact]
    public async Task History_lists_commits_newest_first()
    {
        await _lake.AppendAsync(TableId.Silver("people"), "Ada");
        await _lake.AppendAsync(TableId.Silver("people"), "Grace");

        var run = await RunAsync("history", "silver/people", "-o", "json", "--limit", "2");

        var commits = run.Rows;
        Assert.Equal([2, 1], commits.Select(commit => (int)commit!["version"]!));
        Assert.All(commits, commit => Assert.Equal("APPEND", (string)commit!["operation"]!));
    }

    [Fact]
    public async Task History_says_what_has_executed_a_run_and_why()
    {
        var table = TableId.Silver("people");
        await _lake.AppendAsync(table, "Ada");
        string[] runs = ["""{"table":"silver/people","run":1,"requestedAt":"2026-01-01T00:00:00+00:00","inputs":[],"targets":[]}""",
            """{"table":"silver/people","run":2,"requestedAt":"2026-01-01T00:00:00+00:00","inputs":[],"targets":[],"engine":"emr","engineWhy":"auto: 30 GB to be read"}""", "no pins"];
        foreach (var pins in runs) await _lake.CommitAsync(table, pins);

        var commits = (await RunAsync("history", "silver/people", "-o", "json")).Rows;

        Assert.Equal([null, "emr because auto: 30 GB to be read", "duckdb because ", null], commits.Take(4).Select(commit => commit!["engine"] is { } engine ? $"{engine} because {commit["why"]}" : null));
        Assert.Contains("auto: 30 GB to be read", (await RunAsync("history", "silver/people")).Data, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_says_what_would_execute_the_next_run_and_why_where_Spark_is_set_up()
    {
        var config = Path.Combine(_lake.Directory, "own.conf");
        File.Copy(Path.Combine(Repository.Root, "hocon", "akka.conf"), Path.Combine(_lake.Directory, "akka.conf"));
        await File.WriteAllTextAsync(Path.Combine(_lake.Directory, "one.sql"), "SELECT 1 AS one", TestContext.Current.CancellationToken);
        const string Gold = "pipeline { lake.location = elsewhere, gold { small { sql = one.sql }, large { sql = one.sql, engine = emr-serverless }, steps { sql = one.sql, engine = emr } } }\n";
        await File.WriteAllTextAsync(config, Gold + "pipeline.transform.emr { region = eu-central-1, cluster-id = j-1 }\npipeline.transform.emr-serverless { region = eu-central-1, application-id = \"00f5\", execution-role = \"arn:aws:iam::123456789012:role/jobs\" }\n", TestContext.Current.CancellationToken);

        var run = await RunAsync("plan", "-c", config, "-o", "json");

        Assert.True(run.ExitCode == ExitCode.PlanHasChanges, run.Messages);
        Assert.Equal(["gold/large create emr-serverless", "gold/small create duckdb", "gold/steps create emr"], run.Rows.Select(row => $"{row!["table"]} {row["change"]} {row["engine"]}").Order(StringComparer.Ordinal));
        var told = (await RunAsync("plan", "-c", config)).Data;
        Assert.Matches("gold/large .* emr-serverless +configured for this table", told);
        Assert.Matches("gold/small .* duckdb +auto: 0 B to be read, less than 20 GB", told);

        await File.WriteAllTextAsync(config, Gold, TestContext.Current.CancellationToken);
        var refused = (await RunAsync("plan", "-c", config)).Messages;
        Assert.All((string[])["gold.large.engine", "gold.steps.engine"], place => Assert.Contains(place, refused, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_missing_table_is_an_error_that_names_the_nearest_one()
    {
        await _lake.AppendAsync(TableId.Silver("people"), "Ada");

        var run = await RunAsync("show", "silver/poeple");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Equal($"Table silver/poeple: the lake {_lake.Directory} has no such table. See 'pipeline tables' for those it has. Did you mean 'silver/people'?\n", run.Messages);
        Assert.Empty(run.Data);
    }

    [Theory]
    [InlineData("tables", 4)]
    [InlineData("compact", 4)]
    [InlineData("vacuum", 4)]
    public async Task A_table_that_cannot_be_read_keeps_no_other_from_its_outcome(string verb, int readable)
    {
        TableId[] tables = [TableId.Bronze("app", "people"), TableId.Bronze("crm", "people"), TableId.Silver("people"), TableId.Silver("teams"), TableId.Gold("totals")];
        foreach (var damaged in tables)
        {
            using var lake = new LakeFixture();
            foreach (var table in tables) await lake.AppendAsync(table, "Ada");
            await File.WriteAllTextAsync(Path.Combine(lake.Directory, damaged.ToString(), "_delta_log", $"{1:D20}.json"), "{", TestContext.Current.CancellationToken);

            var run = await NodeRun.OfAsync(verb, "--lake", lake.Directory, "-o", "json");

            Assert.Equal(ExitCode.Failed, run.ExitCode);
            var shown = run.Rows.Select(row => (string)row!["table"]!).ToList();
            Assert.Equal(readable, shown.Count);
            Assert.DoesNotContain(damaged.ToString(), shown);
            Assert.Contains($"{damaged}/_delta_log/{1:D20}.json: version 1 of the table cannot be read", Assert.Single(run.Messages.Trim().Split('\n')));
        }
    }

    [Fact]
    public async Task While_nobody_can_say_what_a_Silver_table_has_read_vacuum_leaves_all_that_it_may_not_have()
    {
        var (bronze, silver) = (TableId.Bronze("crm", "people"), TableId.Silver("people"));
        foreach (var name in (string[])["Ada", "Grace", "Edsger"]) await _lake.AppendAsync(bronze, name);
        await _lake.TakeInAsync(silver, bronze, null, 1);
        await RunAsync(_lake.Time, "compact", "bronze/crm/people");
        foreach (var file in _lake.DataFiles(bronze)) file.LastWriteTimeUtc = _lake.Time.GetUtcNow().UtcDateTime;
        _lake.Time.Advance(TimeSpan.FromDays(8));
        await File.WriteAllTextAsync(Path.Combine(_lake.Directory, "silver/people/_delta_log", $"{1:D20}.json"), "{", TestContext.Current.CancellationToken);

        var run = await RunAsync(_lake.Time, "vacuum", "-o", "json");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        var row = Assert.Single(run.Rows)!;
        Assert.Equal(("bronze/crm/people", 0, "silver/people"), ((string)row["table"]!, (int)row["files"]!, (string)Assert.Single(row["unread_by"]!.AsArray())!));
        Assert.Equal(4, _lake.DataFiles(bronze).Count());
    }

    [Fact]
    public async Task Vacuum_leaves_what_a_Silver_table_has_not_read_and_says_which()
    {
        var (bronze, silver) = (TableId.Bronze("crm", "people"), TableId.Silver("people"));
        foreach (var name in (string[])["Ada", "Grace", "Edsger"]) await _lake.AppendAsync(bronze, name);
        await _lake.TakeInAsync(silver, bronze, null, 1);
        await RunAsync(_lake.Time, "compact", "bronze/crm/people");
        foreach (var file in _lake.DataFiles(bronze)) file.LastWriteTimeUtc = _lake.Time.GetUtcNow().UtcDateTime;
        _lake.Time.Advance(TimeSpan.FromDays(8));

        var dry = await VacuumAsync("--dry-run");
        var behind = await VacuumAsync();
        await _lake.TakeInAsync(silver, bronze, 1, 4);
        var current = await VacuumAsync();

        Assert.Equal("""[{"table":"bronze/crm/people","files":1,"unread_by":["silver/people"],"not_kept_for":[]}]""", dry);
        Assert.Equal("""[{"table":"bronze/crm/people","files":1,"unread_by":["silver/people"],"not_kept_for":[]}]""", behind);
        Assert.Equal("""[{"table":"bronze/crm/people","files":2,"unread_by":[],"not_kept_for":[]}]""", current);
        Assert.Single(_lake.DataFiles(bronze));
    }

    [Fact]
    public async Task Vacuum_deletes_what_executions_elsewhere_have_left_and_leaves_those_that_may_go_on()
    {
        var table = TableId.Gold("totals");
        await _lake.RunAsync(table, null, 6);
        await _lake.RunAsync(table, 6, 7);
        string[] artifacts = ["gold/totals/6/document-0.json", "gold/totals/6/claim-1.json", "gold/totals/7/document-0.json", "gold/totals/8/document-0.json", "program/0/medallion_job.py"];
        foreach (var path in artifacts) Write($"_jobs/{path}", "{}");
        Write("_jobs/gold/totals/8/claim-1.json", $$"""{"execution":"running","document":"0","pins":{"table":"gold/totals","run":8,"requestedAt":"2026-03-02T12:00:00+00:00","inputs":[],"targets":[]},"at":"2026-03-02T12:00:00+00:00"}""");
        foreach (var execution in (string[])["failed", "running"]) Write($"gold/totals/x-{execution}/part-0.parquet", "x");

        var young = await RunAsync(_lake.Time, "vacuum");
        _lake.Time.Advance(TimeSpan.FromDays(15));
        var dry = await RunAsync(_lake.Time, "vacuum", "--dry-run");
        var old = await RunAsync(_lake.Time, "vacuum");

        Assert.Equal("", young.Messages);
        Assert.StartsWith("Would delete 2 artifacts (4 bytes) of 1 run that is over.", dry.Messages, StringComparison.Ordinal);
        Assert.StartsWith("Deleted 2 artifacts (4 bytes) of 1 run that is over.", old.Messages, StringComparison.Ordinal);
        Assert.Equal([.. artifacts[2..], "gold/totals/8/claim-1.json"], artifacts.Append("gold/totals/8/claim-1.json").Where(path => File.Exists(Path.Combine(_lake.Directory, "_jobs", path))));
        Assert.Equal(["running"], ((string[])["failed", "running"]).Where(execution => File.Exists(Path.Combine(_lake.Directory, $"gold/totals/x-{execution}/part-0.parquet"))));

        void Write(string path, string content)
        {
            var file = new FileInfo(Path.Combine(_lake.Directory, path));
            file.Directory!.Create();
            File.WriteAllText(file.FullName, content);
            file.LastWriteTimeUtc = _lake.Time.GetUtcNow().UtcDateTime;
        }
    }

    [Theory]
    [InlineData("ingest.compression = zstd", "zstd", "snappy", "snappy")]
    [InlineData("transform.compression = zstd", "snappy", "zstd", "zstd")]
    [InlineData("lake.compression.gold = zstd-9", "snappy", "snappy", "zstd")]
    [InlineData("ingest.compression = zstd, pipeline.transform.compression = zstd, pipeline.lake.compression { silver = snappy, bronze = snappy }", "snappy", "snappy", "zstd")]
    public async Task Compact_compresses_as_the_configuration_says(string setting, string bronze, string silver, string gold)
    {
        (TableId Table, string Codec)[] tables = [(TableId.Bronze("crm", "people"), bronze), (TableId.Silver("people"), silver), (TableId.Gold("totals"), gold)];
        foreach (var (table, _) in tables)
            foreach (var name in (string[])["Ada", "Grace"]) await _lake.AppendAsync(table, name);
        var config = Path.Combine(_lake.Directory, "own.conf");
        File.Copy(Path.Combine(Repository.Root, "hocon", "akka.conf"), Path.Combine(_lake.Directory, "akka.conf"));
        await File.WriteAllTextAsync(config, $"include \"{Repository.Root}/hocon/pipeline.conf\"\npipeline.{setting}\n", TestContext.Current.CancellationToken);

        var run = await RunAsync("compact", "-c", config, "-o", "json");

        Assert.Equal(ExitCode.Done, run.ExitCode);
        foreach (var (table, codec) in tables)
        {
            var compacted = Assert.Single((await _lake.Lake.TryOpenAsync(table, TestContext.Current.CancellationToken))!.Current.Files);
            Assert.EndsWith($".c000.{codec}.parquet", compacted.Path, StringComparison.Ordinal);
        }
    }

    private async Task<string> VacuumAsync(params string[] options)
    {
        var run = await RunAsync(_lake.Time, ["vacuum", "bronze/crm/people", "-o", "json", .. options]);
        Assert.Equal((ExitCode.Done, options.Contains("--dry-run")), (run.ExitCode, (bool)run.Document["is_dry_run"]!));
        var rows = run.Rows;
        foreach (var row in rows) Assert.True(row!.AsObject().Remove("bytes"));
        return rows.ToJsonString();
    }

    private Task<NodeRun> RunAsync(params string[] args) => RunAsync(TimeProvider.System, args);

    private Task<NodeRun> RunAsync(TimeProvider time, params string[] args) =>
        NodeRun.OfAsync(time, new Dictionary<string, string>(StringComparer.Ordinal), [.. args, "--lake", _lake.Directory]);
}
