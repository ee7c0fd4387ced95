using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Node.Cli;
using Pipeline.Testing;
using Pipeline.Transform.Coordination.Freshness;
using Pipeline.Transform.Jobs;

namespace Pipeline.Node.Tests.Cli;

/// <summary>How a lake is, without a node.</summary>
public sealed class StatusSpec(AmazonServices aws) : IDisposable
{
    private static readonly TableId People = TableId.Bronze("crm", "people");
    private static readonly TableId Orders = TableId.Bronze("crm", "orders");
    private static readonly TableId SilverPeople = TableId.Silver("people");
    private static readonly TableId Totals = TableId.Gold("totals");

    private readonly LakeFixture _lake = new();

    private DateTimeOffset Now => _lake.Time.GetUtcNow();

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task Tables_are_shown_with_age_promise_rows_and_quarantine_and_what_was_last_said_to_be_wrong()
    {
        await GivenTablesAsync();
        await SayAsync(Told(People, 4), Told(SilverPeople, 9), Told(Totals, 12, fault: new ToldFault(Now.AddMinutes(-40), FaultKind.Unreachable, "Lake", "no answer", "Look at it.", Now.AddMinutes(-30))));

        var run = await RunAsync("status");

        Assert.Equal(ExitCode.Done, run.ExitCode);
        Assert.Equal(["table state age sla version rows quarantine quality %", "bronze/crm/people fresh 4.0 s 2 h 1 2", "silver/people fresh 9.0 s 2 h 1 3 1", "gold/totals fresh 12.0 s 2 h 1 1"], TableOf(run.Data));
        Assert.Contains("3 tables: 3 fresh. A node last said so 20.0 s ago.", run.Data, StringComparison.Ordinal);
        Assert.Contains("gold/totals, over for 30 min: Lake: no answer. Look at it.", run.Data, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_past_its_promise_comes_first_and_ends_the_command_with_3()
    {
        await GivenTablesAsync();
        await SayAsync(Told(People, 4), Told(SilverPeople, 3 * 3_600), Told(Totals, 12));

        var run = await RunAsync("status");

        Assert.Equal(ExitCode.Breached, run.ExitCode);
        Assert.Equal("silver/people late 3 h 2 h 1 3 1", TableOf(run.Data)[1]);
    }

    [Theory]
    [InlineData(0.94, "poor", ExitCode.Breached)]
    [InlineData(0.95, "fresh", ExitCode.Done)]
    public async Task Quality_below_what_people_are_told_of_ends_the_command_with_3_and_is_shown(double least, string word, int exitCode)
    {
        await GivenTablesAsync();
        var none = ImmutableSortedDictionary<string, long>.Empty;
        await _lake.CommitRunAsync(SilverPeople, RunQuality.Metric, new RunQuality(100, 0, 90, 10, 0, 0, 0, 0, none, none, 1, least, 1, 0.99, 1).ToJson());
        await SayAsync(Told(People, 4), Told(SilverPeople, 9), Told(Totals, 12));

        var run = await RunAsync("status");

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Contains($"silver/people {word} 9.0 s 2 h 2 3 1 {Math.Round(100 * least, 1)}", TableOf(run.Data));
        var json = (await RunAsync("status", "-o", "json")).Rows.Single(table => (string)table!["table"]! == "silver/people");
        Assert.Equal(least, (double)json!["quality"]!);
    }

    [Fact]
    public async Task A_run_whose_quality_cannot_be_read_is_said_and_ends_the_command_with_1()
    {
        await GivenTablesAsync();
        await _lake.CommitRunAsync(SilverPeople, RunQuality.Metric, "{\"completeness\":\"all\"}");

        var run = await RunAsync("status");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("its version 2 tells of its run's quality in a way that cannot be read", run.Messages, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FaultKind.NotAuthorised, ExitCode.NotAuthorised)]
    [InlineData(FaultKind.Invalid, ExitCode.Failed)]
    public async Task A_table_that_is_halted_comes_before_one_that_is_late_and_ends_the_command_as_its_fault_does(FaultKind kind, int exitCode)
    {
        await GivenTablesAsync();
        await SayAsync(Told(People, 4), Told(SilverPeople, 3 * 3_600), Told(Totals, 12, sla: 10),
            Told(Orders, 60, version: -1, fault: new ToldFault(Now.AddMinutes(-40), kind, "Source crm", "the role is missing", "Grant it.")));

        var run = await RunAsync("status");

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Equal(["bronze/crm/orders halted 60.0 s 2 h", "silver/people late 3 h 2 h 1 3 1", "gold/totals late 12.0 s 10.0 s 1 1", "bronze/crm/people fresh 4.0 s 2 h 1 2"], TableOf(run.Data).Skip(1));
        Assert.Contains("bronze/crm/orders, for 40 min: Source crm: the role is missing. Grant it.", run.Data, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_whose_source_may_have_rows_that_are_passed_by_is_told_with_what_to_do_and_is_as_fresh_as_it_is()
    {
        await GivenTablesAsync();
        const string next = "Have all that it has read again: ./pipeline resume bronze/crm/people --accept-gap";
        await SayAsync(Told(People, 4) with { Doubt = new ToldFault(Now.AddHours(-1), FaultKind.Gap, "Source crm, table people", "the greatest at is none", next) }, Told(SilverPeople, 9), Told(Totals, 12));

        var run = await RunAsync("status");

        Assert.Equal(ExitCode.Done, run.ExitCode);
        Assert.Contains("bronze/crm/people fresh 4.0 s 2 h 1 2", TableOf(run.Data));
        Assert.Contains($"May lack rows that their source has, though they are read on:\n  bronze/crm/people: the greatest at is none. {next}", run.Data.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        var json = (await RunAsync("status", "-o", "json")).Rows.Single(table => (string)table!["table"]! == "bronze/crm/people");
        Assert.Equal(("gap", "Source crm, table people", "the greatest at is none", next), ((string)json!["doubt"]!["kind"]!, (string)json["doubt"]!["thing"]!, (string)json["doubt"]!["cause"]!, (string)json["doubt"]!["next_step"]!));
    }

    /// <summary>With <c>GOLDEN=update</c> it is written.</summary>
    [Fact]
    public async Task The_document_shows_what_is_printed()
    {
        const string fence = "```text\n";
        await GivenTablesAsync();
        await SayAsync(Told(People, 4), Told(SilverPeople, 3 * 3_600), Told(Totals, 12),
            Told(Orders, 9_000, version: -1, fault: new ToldFault(Now.AddMinutes(-150), FaultKind.NotAuthorised, "Source crm", "the role is missing", "Grant it.")));

        var printed = string.Join('\n', (await RunAsync("status")).Data.Split('\n').Select(line => line.TrimEnd())).Trim('\n') + "\n";

        var document = Path.Combine(Repository.Root, "docs", "operations.md");
        var text = await File.ReadAllTextAsync(document, TestContext.Current.CancellationToken);
        var start = text.IndexOf(fence, text.IndexOf("## How a lake is, without a node", StringComparison.Ordinal), StringComparison.Ordinal) + fence.Length;
        var end = text.IndexOf("```", start, StringComparison.Ordinal);
        if (Golden.IsUpdate) await File.WriteAllTextAsync(document, text[..start] + printed + text[end..], TestContext.Current.CancellationToken);
        else Assert.Equal(text[start..end], printed);
    }

    [Fact]
    public async Task Programs_get_every_table_in_full()
    {
        await GivenTablesAsync();
        await SayAsync(Told(People, 4), Told(SilverPeople, 9), Told(Totals, 7_201));

        var run = await RunAsync("status", "-o", "json");

        Assert.Equal(ExitCode.Breached, run.ExitCode);
        var tables = run.Rows;
        Assert.Equal(["gold/totals", "bronze/crm/people", "silver/people"], tables.Select(table => (string)table!["table"]!));
        Assert.Equal(("late", 7_201, 7_200, 1), ((string)tables[0]!["state"]!, (double)tables[0]!["age_seconds"]!, (double)tables[0]!["sla_seconds"]!, (int)tables[0]!["version"]!));
        Assert.Equal(1, (int)tables[2]!["quarantine"]!);
    }

    [Fact]
    public async Task Where_no_node_has_said_anything_the_last_commits_count()
    {
        await GivenTablesAsync();
        _lake.Time.Advance(TimeSpan.FromHours(3));

        var run = await RunAsync("status");

        Assert.Equal(ExitCode.Breached, run.ExitCode);
        Assert.Contains("bronze/crm/people late 3 h 2 h 1 2", TableOf(run.Data));
        Assert.Contains("No node has said how fresh they are", run.Data, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Three_hundred_tables_are_one_screen()
    {
        await GivenTablesAsync();
        await SayAsync([.. Enumerable.Range(0, 300).Select(i => Told(TableId.Bronze("warehouse", $"orders_{i:000}"), i == 123 ? 10_000 : i, version: -1))]);

        var run = await RunAsync("status");

        var lines = run.Data.Split('\n');
        Assert.InRange(lines.Length, 30, 40);
        Assert.All(lines, line => Assert.InRange(line.TrimEnd().Length, 0, 100));
        Assert.Equal("bronze/warehouse/orders_123 late 3 h 2 h", TableOf(run.Data)[1]);
        Assert.Contains("and 273 more, 273 fresh: --all shows them", run.Data, StringComparison.Ordinal);
        Assert.Equal(303, TableOf((await RunAsync("status", "--all")).Data).Count - 1);
    }

    [Fact]
    public async Task What_nodes_wrote_and_cannot_be_read_is_told_with_what_to_do()
    {
        await GivenTablesAsync();
        await _lake.Lake.Store.PutAsync(LakeStatus.Path, "{\"tables\":[null]}"u8.ToArray(), TestContext.Current.CancellationToken);

        var run = await RunAsync("status");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("running nodes write it again within a minute", run.Messages, StringComparison.Ordinal);
    }

    /// <summary>The lake of a bucket needs the configuration's <c>lake.s3</c>; where it is may be said at the command.</summary>
    [Fact]
    public async Task A_lake_in_a_bucket_says_the_same()
    {
        var moto = await aws.UrlAsync(TestContext.Current.CancellationToken);
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "test");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "test");
        using (var http = new HttpClient { BaseAddress = moto })
        using (var made = await http.PutAsync("/lake-of-status", content: null, TestContext.Current.CancellationToken)) made.EnsureSuccessStatusCode();
        const string location = "s3://lake-of-status/some/prefix";
        using var bucket = new LakeFixture(ObjectStores.Open(location, new S3Options { Endpoint = moto, Region = "us-east-1", PathStyle = true }, _lake.Time));
        await GivenTablesAsync(bucket);
        await new LakeStatus(Now.AddSeconds(-20), [Told(People, 4), Told(SilverPeople, 3 * 3_600), Told(Totals, 12)]).WriteAsync(bucket.Lake.Store, TestContext.Current.CancellationToken);
        var config = Path.Combine(_lake.Directory, "bucket.conf");
        await File.WriteAllTextAsync(config, $$"""pipeline { lake { location = "./elsewhere", s3 { endpoint = "{{moto}}", region = us-east-1, path-style = true } } }""", TestContext.Current.CancellationToken);

        File.Copy(Path.Combine(Repository.Root, "hocon", "akka.conf"), Path.Combine(_lake.Directory, "akka.conf"));

        var run = await NodeRun.OfAsync(_lake.Time, new Dictionary<string, string>(StringComparer.Ordinal), "status", "--config", config, "--lake", location);

        Assert.True(run.ExitCode == ExitCode.Breached, run.Data + run.Messages);
        Assert.Equal(["silver/people late 3 h 2 h 1 3 1", "bronze/crm/people fresh 4.0 s 2 h 1 2", "gold/totals fresh 12.0 s 2 h 1 1"], TableOf(run.Data).Skip(1));
    }

    private Task GivenTablesAsync() => GivenTablesAsync(_lake);

    private static async Task GivenTablesAsync(LakeFixture lake)
    {
        await lake.AppendAsync(People, "Ada", "Grace");
        await lake.AppendAsync(SilverPeople, "Ada", "Grace", "Edsger");
        await lake.AppendAsync(TableId.Quarantine("people"), "Nobody");
        await lake.AppendAsync(Totals, "3");
    }

    private ToldTable Told(TableId table, double age, double sla = 7_200, long version = 1, ToldFault? fault = null) => new(table, version, Now.AddSeconds(-age), sla, fault);

    private ValueTask SayAsync(params ToldTable[] tables) => new LakeStatus(Now.AddSeconds(-20), [.. tables]).WriteAsync(_lake.Lake.Store, TestContext.Current.CancellationToken);

    private Task<NodeRun> RunAsync(params string[] args) => NodeRun.OfAsync(_lake.Time, new Dictionary<string, string>(StringComparer.Ordinal), [.. args, "--lake", _lake.Directory]);

    /// <summary>The lines of the table, their words one space apart.</summary>
    private static List<string> TableOf(string data) =>
        [.. data.Split('\n').SkipWhile(line => !line.Contains("state", StringComparison.Ordinal)).TakeWhile(line => line.Trim().Length > 0)
            .Where(line => !line.Contains("──", StringComparison.Ordinal)).Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];
}
