using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;
using Pipeline.Transform.Coordination.Freshness;

namespace Pipeline.Node.Tests.Control;

public sealed class WhyVerbSpec : IDisposable
{
    private static readonly TableId People = TableId.Bronze("app", "people");
    private static readonly TableId Silver = TableId.Silver("people");

    private readonly ScratchDirectory _directory = new("pipeline-why-");
    private readonly LakeFixture _lake = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _lake.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_table_is_kept_by_what_it_is_made_from_and_the_cause_is_named_with_the_command_that_helps()
    {
        await _lake.AppendAsync(Silver, "a");
        await ToldAsync(new ToldFault(_lake.Time.GetUtcNow() - TimeSpan.FromHours(3), FaultKind.NotAuthorised, "Source app", "the role is missing", "Grant it."));

        var why = await RunAsync("why", Silver.ToString(), "-o", "json");

        var row = Assert.Single(why.Rows, row => (string?)row!["kind"] == "mend")!;
        Assert.Equal((People.ToString(), "Source app", "the role is missing", "Grant it.", "[\"restart\",\"bronze/app/people\",\"--reason\",\"WHY\"]"),
            ((string)row["table"]!, (string)row["thing"]!, (string)row["cause"]!, (string)row["next_step"]!, row["help"]!.ToJsonString()));
        Assert.Equal(ExitCode.Failed, why.ExitCode);
        Assert.Contains($"    ./pipeline restart {People} --reason WHY", (await RunAsync("why", Silver.ToString())).Data, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dead_letters_that_cannot_be_read_are_named()
    {
        await _lake.AppendAsync(Silver, "a");
        await _lake.AppendAsync(People, "a");
        await _lake.AppendAsync(TableId.DeadLetter("app"), "a");
        await ToldAsync(fault: null);
        File.WriteAllText(_lake.Lake.Store.LocalPath("bronze/app/_dead_letter/_delta_log/00000000000000000000.json")!, "{ no action");

        var rows = (await RunAsync("why", Silver.ToString(), "-o", "json")).Rows;

        Assert.Contains(rows, row => (string)row!["kind"]! == "mend" && ((string)row["thing"]!).Contains("_dead_letter", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_an_operator_wants_is_told_until_the_command_that_is_shown_has_been_given()
    {
        await _lake.AppendAsync(Silver, "a");
        await _lake.AppendAsync(People, "a");
        await ToldAsync(fault: null);
        Assert.Equal(ExitCode.Usage, (await RunAsync("pause", "app")).ExitCode);
        Assert.Equal(ExitCode.Done, (await RunAsync("pause", "app", "--reason", "it moves")).ExitCode);

        var kept = await RunAsync("why", Silver.ToString(), "-o", "json");
        string[] help = [.. kept.Rows.Single()!["help"]!.AsArray().Select(word => (string)word! == "WHY" ? "over" : (string)word!)];
        Assert.Equal(["resume", "app", "--reason", "over"], help);
        Assert.Equal(ExitCode.Done, (await RunAsync(help)).ExitCode);

        var free = await RunAsync("why", Silver.ToString());
        Assert.Equal($"{Silver}: does what it should. It reflects its sources as of 60.0 s ago, and 2 h is promised.\n", free.Data);
        Assert.Equal(["wished", "wish-ended"], (await RunAsync("events", People.ToString(), "-o", "json")).Rows.Select(row => (string)row!["kind"]!));
    }

    [Fact]
    public async Task That_no_node_says_anything_is_told_and_what_a_source_may_lack()
    {
        await _lake.AppendAsync(Silver, "a");
        await _lake.AppendAsync(People, "a");
        var said = _lake.Time.GetUtcNow() - TimeSpan.FromMinutes(6);
        await new LakeStatus(said, [new ToldTable(People, 0, said, 7_200, Fault: null) { Doubt = new ToldFault(said, FaultKind.Gap, "Topic people", "it is shorter than it was", "Look at the topic.") }]).WriteAsync(_lake.Lake.Store, Cancel);

        var rows = (await RunAsync("why", Silver.ToString(), "-o", "json")).Rows;

        Assert.Equal([("no-node", "run"), ("doubt", $"resume {People}")], rows.Select(row => ((string)row!["kind"]!, string.Join(' ', row["help"]!.AsArray()))));
    }

    [Fact]
    public async Task A_schedule_is_told_with_its_next_time()
    {
        await _lake.AppendAsync(Silver, "a");
        await _lake.AppendAsync(People, "a");
        await ToldAsync(fault: null);
        var wrong = await RunAsync("schedule", Silver.ToString(), "30 25 * * *", "--reason", "nightly");
        Assert.Equal(ExitCode.Done, (await RunAsync("schedule", Silver.ToString(), "30 3 * * * Europe/Berlin", "--reason", "nightly")).ExitCode);

        var why = await RunAsync("why", Silver.ToString());

        Assert.Equal(ExitCode.Failed, wrong.ExitCode);
        Assert.Contains("It runs next at 2026-03-03 02:30:00Z.", why.Data, StringComparison.Ordinal);
    }

    private ValueTask ToldAsync(ToldFault? fault)
    {
        var now = _lake.Time.GetUtcNow();
        return new LakeStatus(now, [new ToldTable(People, 0, now - TimeSpan.FromSeconds(60), 7_200, fault), new ToldTable(Silver, 0, now - TimeSpan.FromSeconds(60), 7_200, Fault: null)]).WriteAsync(_lake.Lake.Store, Cancel);
    }

    private async Task<NodeRun> RunAsync(params string[] args)
    {
        var config = Path.Combine(_directory, "pipeline.conf");
        if (!File.Exists(config))
            await RunningNode.ConfigureAsync(_directory, """app { type = kafka, bootstrap = "127.0.0.1:1", security { protocol = plaintext }, tables { people { topic = people, format = json } } }""",
                """silver { people { from = bronze/app/people, columns { id { type = long, required = true, from = value, path = "$.id" } }, key = [id] } }""");
        return await NodeRun.OfAsync(_lake.Time, new Dictionary<string, string>(StringComparer.Ordinal), [.. args, "--config", config, "--lake", _lake.Directory]);
    }
}
