using System.CommandLine;
using System.Text.RegularExpressions;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>Every verb that looks at more than one table, on a lake of which one cannot be read.</summary>
public sealed partial class UnreadableTableSpec : IDisposable
{
    private const string ManyTables = "many tables";
    private const string OneTable = "one table, which was named";
    private const string NoTable = "no table";
    private const string Sources = "the tables of the sources that answer, each of which that cannot be read is told";
    private const string Fresh = "a directory that is not there yet";
    private const string Node = "a node: its tables halt one by one, see the specs of Ingest and of the coordinator";

    private static readonly TableId People = TableId.Bronze("app", "people");
    private static readonly TableId Visits = TableId.Bronze("app", "visits");
    private static readonly TableId Letters = TableId.DeadLetter("app");
    private static readonly TableId Teams = TableId.Bronze("crm", "teams");
    private static readonly TableId OtherLetters = TableId.DeadLetter("crm");
    private static readonly TableId Silver = TableId.Silver("people");
    private static readonly TableId Waiting = TableId.Quarantine("people");
    private static readonly TableId Gold = TableId.Gold("totals");
    private static readonly TableId[] All = [People, Visits, Letters, Teams, OtherLetters, Silver, Gold];

    /// <summary>Every verb of the command line, and what it looks at.</summary>
    private static readonly Dictionary<string, string> LooksAt = new(StringComparer.Ordinal)
    {
        ["demo"] = Node,
        ["run"] = Node,
        ["sync"] = Node,
        ["discover"] = NoTable,
        ["init"] = NoTable,
        ["completion"] = NoTable,
        ["check"] = Sources,
        ["plan"] = ManyTables,
        ["test-models"] = NoTable,
        ["preview"] = OneTable,
        ["compile"] = OneTable,
        ["tables"] = ManyTables,
        ["show"] = OneTable,
        ["explain-row"] = OneTable,
        ["history"] = OneTable,
        ["verify"] = ManyTables,
        ["resume"] = OneTable,
        ["why"] = OneTable,
        ["events"] = NoTable,
        ["pause"] = OneTable,
        ["drain"] = OneTable,
        ["restart"] = OneTable,
        ["trigger"] = OneTable,
        ["backfill"] = OneTable,
        ["schedule"] = OneTable,
        ["cluster show"] = Node,
        ["shards show"] = Node,
        ["jobs list"] = Node,
        ["jobs show"] = OneTable,
        ["log-level"] = Node,
        ["watch"] = Node,
        ["jobs cancel"] = OneTable,
        ["cluster leave"] = NoTable,
        ["cluster down"] = NoTable,
        ["config show"] = NoTable,
        ["config diff"] = NoTable,
        ["control show"] = NoTable,
        ["control apply"] = NoTable,
        ["rebuild"] = OneTable,
        ["kpi"] = ManyTables,
        ["status"] = ManyTables,
        ["alarms show"] = NoTable,
        ["alarms put"] = NoTable,
        ["dashboard show"] = NoTable,
        ["dashboard put"] = NoTable,
        ["metrics list"] = NoTable,
        ["metrics estimate"] = NoTable,
        ["compact"] = ManyTables,
        ["vacuum"] = ManyTables,
        ["backup"] = ManyTables,
        ["restore"] = NoTable,
        ["export-jobs"] = ManyTables,
        ["dlq list"] = ManyTables,
        ["dlq show"] = ManyTables,
        ["dlq redrive"] = OneTable,
        ["quarantine list"] = ManyTables,
        ["quarantine show"] = OneTable,
        ["quarantine redrive"] = OneTable,
        ["source list"] = NoTable,
        ["source remove"] = NoTable,
        ["ask"] = Node,
        ["token list"] = NoTable,
        ["token issue"] = NoTable,
        ["token rotate"] = NoTable,
        ["token revoke"] = NoTable,
    };

    /// <summary>How a verb that looks at many is called, and at which of <see cref="All"/> it looks then.</summary>
    private static readonly Dictionary<string, (string[] Arguments, TableId[] Tables)> Calls = new(StringComparer.Ordinal)
    {
        ["plan"] = ([], [People, Visits, Teams]),
        ["tables"] = ([], All),
        ["status"] = ([], All),
        ["kpi"] = ([], [People, Visits, Teams, Silver, Gold]),
        ["verify"] = ([], All),
        ["compact"] = ([], All),
        ["vacuum"] = ([], All),
        ["backup"] = (["--to", Fresh], All),
        ["export-jobs"] = (["--to", Fresh], [Silver, Gold]),
        ["dlq list"] = ([], [People, Visits, Letters, Teams, OtherLetters]),
        ["dlq show"] = (["app"], [People, Visits, Letters]),
        ["quarantine list"] = ([], [Waiting]),
    };

    private readonly ScratchDirectory _directory = new("pipeline-unreadable-");

    public static TheoryData<string> VerbsOfManyTables => [.. LooksAt.Where(verb => verb.Value == ManyTables).Select(verb => verb.Key)];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Every_verb_says_how_many_tables_it_looks_at()
    {
        var context = new NodeContext(TextWriter.Null, TextWriter.Null, _ => null, TimeProvider.System, Interruption: null);
        var verbs = CommandLine.Build(context, new Demo.DemoVerb()).Subcommands.SelectMany(verb => Leaves(verb, verb.Name));

        Assert.Equal(verbs.Order(StringComparer.Ordinal), LooksAt.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(VerbsOfManyTables.Select(row => row.Data).Order(StringComparer.Ordinal), Calls.Keys.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(VerbsOfManyTables))]
    public async Task A_table_that_cannot_be_read_is_named_and_keeps_no_other_from_its_outcome(string verb)
    {
        using var lake = await LakeAsync();
        var config = await RunningNode.ConfigureAsync(_directory, """
            app { type = kafka, bootstrap = "127.0.0.1:1", tables { people { topic = people }, visits { topic = visits } } }
            crm { type = kafka, bootstrap = "127.0.0.1:1", tables { teams { topic = teams } } }
            """, verb == "export-jobs" ? await BehindAsync() : "");
        var (arguments, tables) = Calls[verb];
        var calls = 0;
        string[] Call() => [.. verb.Split(' '), .. arguments.Select(argument => argument == Fresh ? Path.Combine(_directory, $"fresh-{calls++}") : argument), "--config", config, "--lake", lake.Directory, "-o", "json"];
        var sound = await NodeRun.OfAsync(Call());
        // The lake is an old one: no table is as fresh as is promised.
        Assert.True(sound.ExitCode == verb switch { "plan" => ExitCode.PlanHasChanges, "status" => ExitCode.Breached, _ => ExitCode.Done }, sound.Data + sound.Messages);

        foreach (var damaged in tables)
        {
            var entry = Path.Combine(lake.Directory, damaged.ToString(), "_delta_log", $"{1:D20}.json");
            var whole = await File.ReadAllTextAsync(entry, TestContext.Current.CancellationToken);
            await File.WriteAllTextAsync(entry, "{", TestContext.Current.CancellationToken);

            var run = await NodeRun.OfAsync(Call());

            await File.WriteAllTextAsync(entry, whole, TestContext.Current.CancellationToken);
            Assert.True(run.ExitCode == FailedBy(verb), $"{damaged}: {run}");
            Assert.Contains($"{damaged}/_delta_log/{1:D20}.json", run.Data, StringComparison.Ordinal);
            Assert.Contains("version 1 of the table cannot be read", run.Data, StringComparison.Ordinal);
            var missing = TablesIn(sound).Except(TablesIn(run)).ToList();
            Assert.True(missing.TrueForAll(table => table == damaged.ToString() || (damaged == Waiting && table == Silver.ToString()) || (damaged.Name == TableId.DeadLetterName && IsLetterOf(damaged, verb, table))),
                $"{verb} with {damaged}: not shown: {string.Join(", ", missing)}");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_table_with_checkpoints_of_version_2_is_refused_by_the_feature_s_name_and_hides_no_other(bool isCleanedUp)
    {
        using var lake = await LakeAsync();
        var log = Path.Combine(lake.Directory, Teams.ToString(), "_delta_log");
        var commits = Directory.GetFiles(log, "*.json").Length;
        // Others write the feature into the protocol; of a log that was cleaned up only the checkpoint is left to say it.
        if (isCleanedUp) File.Move(Path.Combine(log, $"{0:D20}.json"), Path.Combine(log, $"{0:D20}.checkpoint.{Guid.NewGuid()}.json"));
        else
            await File.WriteAllTextAsync(Path.Combine(log, $"{commits:D20}.json"),
                """{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["v2Checkpoint"],"writerFeatures":["v2Checkpoint"]}}""", TestContext.Current.CancellationToken);

        foreach (var verb in (string[])["tables", "verify", "compact", "vacuum"])
        {
            var run = await NodeRun.OfAsync(verb, "--lake", lake.Directory, "-o", "json");

            Assert.Equal(FailedBy(verb), run.ExitCode);
            Assert.Contains("v2Checkpoint", run.Data + run.Messages, StringComparison.Ordinal);
            Assert.Empty(All.Where(table => table != Teams).Select(table => table.ToString()).Except(TablesIn(run)));
        }
    }

    [Fact]
    public async Task Of_letters_whose_table_cannot_be_read_nobody_says_whether_they_were_re_driven()
    {
        using var lake = await LakeAsync();
        await File.WriteAllTextAsync(Path.Combine(lake.Directory, People.ToString(), "_delta_log", $"{1:D20}.json"), "{", TestContext.Current.CancellationToken);

        var run = await NodeRun.OfAsync("dlq", "list", "--lake", lake.Directory, "-o", "json");

        Assert.Equal([("bronze/app/people", null), ("bronze/app/visits", 0), ("bronze/crm/teams", 0)],
            run.Rows.Select(row => ((string)row!["table"]!, (int?)row["redriven"])));
    }

    [Fact]
    public async Task A_damaged_file_of_re_driven_rows_is_its_tables_alone()
    {
        using var lake = await LakeAsync();
        await File.WriteAllTextAsync(lake.DataFiles(People).Last().FullName, "no Parquet", TestContext.Current.CancellationToken);

        var run = await NodeRun.OfAsync("dlq", "list", "--lake", lake.Directory, "-o", "json");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.StartsWith("Table bronze/app/people: ", Assert.Single(run.Messages.Trim().Split('\n')), StringComparison.Ordinal);
        Assert.Equal(["bronze/app/people", "bronze/app/visits", "bronze/crm/teams"], TablesIn(run));
    }

    /// <summary>For who was asked whether all is well, damage is the answer.</summary>
    private static int FailedBy(string verb) => verb == "verify" ? ExitCode.Breached : ExitCode.Failed;

    /// <summary>Two sources with dead letters, one of which was re-driven, and a table of each other layer.</summary>
    private static async Task<LakeFixture> LakeAsync()
    {
        var lake = new LakeFixture();
        await lake.AppendRecordsAsync(People, null, 3, 0, 2);
        await lake.RedriveAsync(People, 1, 1);
        await lake.AppendRecordsAsync(Visits, null, 2, 0);
        await lake.AppendRecordsAsync(Teams, null, 2, 0);
        await lake.AppendLettersAsync(People, null, 3, 1);
        await lake.AppendLettersAsync(Visits, null, 2, 1);
        await lake.AppendLettersAsync(Teams, null, 2, 1);
        await lake.AppendAsync(Silver, "Ada");
        await lake.AppendAsync(Gold, "Ada");
        await lake.AppendWaitingAsync(Waiting);
        return lake;
    }

    /// <summary>The configuration of the tables behind Bronze; without it those of them are no tables of the configuration.</summary>
    private async Task<string> BehindAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "totals.sql"), "SELECT 1 AS one", TestContext.Current.CancellationToken);
        return """
            silver { people { from = bronze/app/people, columns { id { type = long, from = _offset } }, key = [id] } }
                  gold { totals { sql = "totals.sql" } }
            """;
    }

    private static bool IsLetterOf(TableId letters, string verb, string table) =>
        verb.StartsWith("dlq", StringComparison.Ordinal) && table.StartsWith($"bronze/{letters.Source}/", StringComparison.Ordinal);

    /// <summary>The tables of which a verb's data says something.</summary>
    private static IEnumerable<string> TablesIn(NodeRun run) =>
        run.Rows.Select(row => TableName().Match((string?)row!["table"] ?? "").Value).Distinct();

    private static IEnumerable<string> Leaves(Command command, string name) =>
        command.Subcommands.Count == 0 ? [name] : command.Subcommands.SelectMany(sub => Leaves(sub, $"{name} {sub.Name}"));

    [GeneratedRegex(@"^[a-z_]+(/[a-z_]+)+", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TableName();
}
