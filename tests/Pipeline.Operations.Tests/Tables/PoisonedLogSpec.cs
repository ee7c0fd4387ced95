using System.Text.Json.Nodes;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Tables;
using Pipeline.Operations.Verification;
using Pipeline.Testing;

namespace Pipeline.Operations.Tests.Tables;

/// <summary>Logs whose paths lead elsewhere: no reader follows them, nothing outside of the table is touched, and one line names it.</summary>
public sealed class PoisonedLogSpec : IDisposable
{
    private static readonly Schema Names = new([new Field("name", StringType.Default, nullable: true)], null);

    private readonly ScratchDirectory _root = new("pipeline-poison-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Lake Lake => new(new LocalObjectStore(Path.Combine(_root, "lake")), TimeProvider.System);

    public void Dispose() => _root.Dispose();

    public static TheoryData<string> Elsewhere => new("../other/secret.parquet", "%2e%2e/other/secret.parquet", "..%2Fother%2Fsecret.parquet", "x/../../other/secret.parquet",
        "../../../outside.parquet", "{root}/outside.parquet", "file:{root}/outside.parquet", "file://{root}/outside.parquet", "{root}/lake/silver/other/secret.parquet",
        "{root}/lake/silver/people/../other/secret.parquet", "./part.parquet", "a//part.parquet", "s3://elsewhere/secret.parquet", "", "/", "..", "part\u0000.parquet");

    public static TheoryData<string> Patterns => new("*.parquet", "[a-z].parquet", "??.parquet", "**", "a[b.parquet", "it's {x,y}.parquet");

    /// <summary>With what configured SQL tries, far more than thirty.</summary>
    [Fact]
    public void So_many_paths_are_tried() => Assert.Equal((17, 6), (Elsewhere.Count, Patterns.Count));

    [Theory, MemberData(nameof(Elsewhere))]
    public async Task A_path_that_leads_elsewhere_is_followed_by_nobody(string path)
    {
        var id = TableId.Silver("people");
        await AppendAsync(id, "Ada");
        await AppendAsync(TableId.Silver("other"), "secret");
        File.Move(DataFile("silver/other"), Path.Combine(_root, "lake/silver/other/secret.parquet"));
        File.Copy(Path.Combine(_root, "lake/silver/other/secret.parquet"), Path.Combine(_root, "outside.parquet"));
        Rename("silver/people", path.Replace("{root}", _root, StringComparison.Ordinal));
        var before = Files();
        var table = (await Lake.TryOpenAsync(id, Cancel))!;

        var show = await FaultAsync(async () => await ShowTable.RunAsync(new ShowTableRequest(id, 10), Lake, Cancel));
        var compact = (await CompactTables.RunAsync(new CompactTablesRequest([id], _ => new DataFileOptions()), Lake, Cancel)).Failed;
        var vacuum = await FaultAsync(async () => await Vacuum.RunAsync(table, new VacuumOptions(TimeSpan.Zero, AllowsShortRetention: true), Cancel));
        using var query = new LakeQuery(Cancel);
        var sql = await FaultAsync(async () => await query.CountAsync(table, table.Current));
        var verified = await new LakeVerifier(Lake, LakeTables.None).VerifyAsync(Cancel).FirstAsync(check => check.Table == id && check.Check is TableCheck.Files, Cancel);

        Assert.All((Fault[])[show, vacuum, sql, Assert.IsType<CannotBeRead>(verified.Found).Fault, .. compact.Select(failed => failed.Fault)], fault =>
        {
            Assert.Equal((FaultKind.Invalid, "Table silver/people"), (fault.Kind, fault.Thing));
            Assert.Contains("outside of the table", fault.Cause, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', fault.ToString());
        });
        Assert.Equal(before, Files());
    }

    [Theory]
    [InlineData("{table}/{file}")]
    [InlineData("file:{table}/{file}")]
    [InlineData("file://{table}/{file}")]
    [InlineData("%70art.parquet")]
    public async Task A_path_of_another_writer_that_lies_below_the_table_is_read_and_kept(string path)
    {
        var id = TableId.Silver("people");
        await AppendAsync(id, "Ada");
        var table = Path.Combine(_root, "lake/silver/people");
        File.Move(DataFile("silver/people"), Path.Combine(table, "part.parquet"));
        Rename("silver/people", path.Replace("{table}", table, StringComparison.Ordinal).Replace("{file}", "part.parquet", StringComparison.Ordinal));

        var shown = await ShowTable.RunAsync(new ShowTableRequest(id, 10), Lake, Cancel);
        await Vacuum.RunAsync((await Lake.TryOpenAsync(id, Cancel))!, new VacuumOptions(TimeSpan.Zero, AllowsShortRetention: true), Cancel);

        Assert.Equal("Ada", Assert.Single(shown.Rows)[0]);
        Assert.True(File.Exists(Path.Combine(table, "part.parquet")));
    }

    [Theory, MemberData(nameof(Patterns))]
    public async Task What_looks_like_a_pattern_is_the_name_of_one_file(string name)
    {
        var id = TableId.Silver("people");
        await AppendAsync(id, "Ada");
        var table = Path.Combine(_root, "lake/silver/people");
        await AppendAsync(TableId.Silver("other"), "secret");
        foreach (var other in (string[])["a.parquet", "aa.parquet", "ab.parquet", "x.parquet"]) File.Copy(DataFile("silver/other"), Path.Combine(table, other));
        File.Move(DataFile("silver/people", first: "part-*.parquet"), Path.Combine(table, name));
        Rename("silver/people", Uri.EscapeDataString(name));
        var opened = (await Lake.TryOpenAsync(id, Cancel))!;
        using var query = new LakeQuery(Cancel);

        var rows = await query.RowsAsync(opened, opened.Current, "name");

        Assert.Equal("Ada", Assert.Single(rows)[0]);
    }

    [Fact]
    public void A_store_is_not_left_whoever_asks()
    {
        var store = new LocalObjectStore(Path.Combine(_root, "lake"));

        Assert.All((string[])["../lake2/x", "/etc/passwd", "t/../../x", ".."], path => Assert.Throws<PipelineException>(() => store.LocalPath(path)));
        Assert.Equal(Path.Combine(_root, "lake", "t", "x"), store.LocalPath("t/x"));
    }

    private async Task AppendAsync(TableId id, string name)
    {
        var table = await Lake.OpenOrCreateAsync(id, Names, [], new Dictionary<string, string>(StringComparer.Ordinal), Cancel);
        using var rows = new RecordBatch(Names, [new StringArray.Builder().Append(name).Build()], 1);
        await using var writer = await table.OpenDataFileAsync(Names, new Dictionary<string, string?>(StringComparer.Ordinal), new DataFileOptions(), Cancel);
        writer.Write(rows);
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("APPEND", Isolation.BlindAppend) { Adds = [await writer.CompleteAsync(Cancel)] }, Cancel));
    }

    /// <summary>Lets the log of a table call its file otherwise.</summary>
    private void Rename(string table, string path)
    {
        var commit = Path.Combine(_root, "lake", table, "_delta_log", $"{1:D20}.json");
        var lines = File.ReadAllLines(commit).Select(line =>
        {
            var action = JsonNode.Parse(line)!;
            if (action["add"] is { } add) add["path"] = path;
            return action.ToJsonString();
        });
        File.WriteAllLines(commit, [.. lines]);
    }

    private string DataFile(string table, string first = "*.parquet") => Directory.GetFiles(Path.Combine(_root, "lake", table), first).Single();

    private List<string> Files() => [.. Directory.GetFiles(_root, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private static async Task<Fault> FaultAsync(Func<Task> work) => Fault.Of("test", (await Record.ExceptionAsync(work))!);
}
