using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Operations.Verification;
using Pipeline.Testing;
using static Pipeline.Operations.Tests.Verification.WholeLake;

namespace Pipeline.Operations.Tests.Verification;

/// <summary>Each kind of damage is named: the table, and what is wrong with it.</summary>
public sealed class DamagedLakeSpec
{
    private static readonly Dictionary<string, Damage> Damages = new(StringComparer.Ordinal)
    {
        ["an object removed"] = new(Events, typeof(FileIsMissing), async lake => File.Delete((await lake.FilesAsync(Events))[0])),
        ["an object cut"] = new(SilverUsers, typeof(FileHasOtherSize), async lake => await LakeDamage.CutFileAsync((await lake.FilesAsync(SilverUsers))[0], 100)),
        ["two objects swapped"] = new(Events, typeof(FileHasOtherBytes), async lake =>
        {
            var files = await lake.FilesAsync(Events);
            await SwapAsync(files[0], files[1]);
        }, IsDeep: true, Or: typeof(FileHasOtherSize)),
        ["an object of another table in its place"] = new(Users, typeof(FileHasOtherSize), async lake => File.Copy((await lake.FilesAsync(Orders))[0], (await lake.FilesAsync(Users))[0], overwrite: true)),
        ["an object emptied"] = new(Totals, typeof(FileHasOtherSize), async lake => await LakeDamage.CutFileAsync((await lake.FilesAsync(Totals))[0], 0)),
        ["a byte flipped in values of Bronze"] = new(Events, typeof(FileHasOtherBytes), async lake => await LakeDamage.FlipByteAsync((await lake.FilesAsync(Events))[0], fromStart: 30), IsDeep: true),
        ["a byte flipped in values of Silver"] = new(SilverUsers, typeof(FileHasOtherBytes), async lake => await LakeDamage.FlipByteAsync((await lake.FilesAsync(SilverUsers))[0], fromStart: 30), IsDeep: true),
        ["a byte flipped in values of Gold"] = new(Totals, typeof(FileHasOtherBytes), async lake => await LakeDamage.FlipByteAsync((await lake.FilesAsync(Totals))[0], fromStart: 30), IsDeep: true),
        ["a byte flipped in values of the quality log"] = new(Quality, typeof(FileHasOtherBytes), async lake => await LakeDamage.FlipByteAsync((await lake.FilesAsync(Quality))[0], fromStart: 30), IsDeep: true),
        ["a byte flipped in a footer"] = new(Events, typeof(FileHasOtherBytes), async lake => await LakeDamage.FlipByteAsync((await lake.FilesAsync(Events))[0], fromEnd: 60), IsDeep: true),
        ["a byte flipped in a footer's mark"] = new(SilverOrders, typeof(CannotBeRead), async lake => await LakeDamage.FlipByteAsync((await lake.FilesAsync(SilverOrders))[0], fromEnd: 1)),

        ["a commit emptied"] = new(Events, typeof(CommitIsDamaged), lake => File.WriteAllTextAsync(lake.CommitOf(Events, 1), "")),
        ["a commit cut within a line"] = new(SilverUsers, typeof(CommitIsDamaged), async lake => await LakeDamage.CutFileAsync(lake.CommitOf(SilverUsers, 1), 50)),
        ["a line of a commit removed"] = new(Users, typeof(CommitIsDamaged), lake => lake.EditCommitAsync(Users, 1, lines => lines.RemoveAt(lines.Count - 1))),
        ["a commit removed"] = new(Events, typeof(CommitIsMissing), lake => Done(() => File.Delete(lake.CommitOf(Events, 2)))),
        ["a commit there twice"] = new(Orders, typeof(PositionWentBack), lake => Done(() => File.Copy(lake.CommitOf(Orders, 2), lake.CommitOf(Orders, 3)))),
        ["the newest commit removed"] = new(SilverOrders, typeof(InputIsBehind), lake => Done(() => File.Delete(lake.CommitOf(Orders, 2)))),
        ["a checkpoint cut"] = new(Events, typeof(CheckpointIsDamaged), async lake => await LakeDamage.CutFileAsync(Directory.GetFiles(Path.Combine(lake.DirectoryOf(Events), "_delta_log"), "*.checkpoint.parquet").Max()!, 40)),
        ["a directory in the place of a commit"] = new(Quarantine, typeof(CannotBeRead), lake => Done(() =>
        {
            File.Delete(lake.CommitOf(Quarantine, 1));
            Directory.CreateDirectory(lake.CommitOf(Quarantine, 1));
        })),

        ["a table copied over another"] = new(Users, typeof(IsAnotherTable), lake => Done(() => lake.CopyTable(Orders, Users))),
        ["a Silver table copied over another"] = new(SilverOrders, typeof(IsAnotherTable), lake => Done(() => lake.CopyTable(SilverUsers, SilverOrders))),
        ["a table moved away"] = new(Orders, typeof(TableIsGone), lake => Done(() => Directory.Move(lake.DirectoryOf(Orders), lake.DirectoryOf(TableId.Bronze("crm", "orders"))))),
        ["the dead-letter table gone"] = new(Letters, typeof(TableIsGone), lake => Done(() => lake.RemoveTable(Letters))),
        ["the dead letters gone, of which a table speaks"] = new(Events, typeof(LettersAreMissing), lake => Done(() => lake.RemoveTable(Letters))),
        ["a Bronze table gone"] = new(Users, typeof(TableIsGone), lake => Done(() => lake.RemoveTable(Users))),
        ["a Silver table gone"] = new(SilverUsers, typeof(TableIsGone), lake => Done(() => lake.RemoveTable(SilverUsers))),
        ["a Gold table gone"] = new(Totals, typeof(TableIsGone), lake => Done(() => lake.RemoveTable(Totals))),
        ["the quality log gone"] = new(Quality, typeof(TableIsGone), lake => Done(() => lake.RemoveTable(Quality))),
        ["a quarantine gone"] = new(Quarantine, typeof(TableIsGone), lake => Done(() => lake.RemoveTable(Quarantine))),
        ["a table of deletes gone"] = new(DeletedUsers, typeof(TableIsGone), lake => Done(() => lake.RemoveTable(DeletedUsers))),
        ["all tables gone"] = new(Events, typeof(TableIsGone), lake => Done(() =>
        {
            foreach (var layer in (string[])["bronze", "silver", "gold"]) ScratchDirectory.Delete(Path.Combine(lake.Directory, layer));
        })),
        ["the lake emptied"] = new(null, typeof(LakeIsEmpty), lake => Done(() => ScratchDirectory.Delete(lake.Directory))),
        ["what the lake shall hold cannot be read"] = new(null, typeof(CannotBeRead), lake => File.WriteAllTextAsync(Path.Combine(lake.Directory, LakeTables.Path), "{}")),

        ["a Bronze table emptied by a commit that only removes"] = new(Users, typeof(OtherCommitChangesData), async lake =>
            await lake.ByOthersAsync(Users, "DELETE", table => Task.FromResult<(IReadOnlyList<AddFile>, IReadOnlyList<AddFile>)>(([], [.. table.Current.Files])))),
        ["rows of another program in a captured table"] = new(Users, typeof(OtherCommitChangesData), async lake => await lake.ByOthersAsync(Users, "WRITE", lake.Append("SELECT * FROM rows LIMIT 1"))),
        ["rows of another program in a topic's table"] = new(Events, typeof(OtherCommitChangesData), async lake => await lake.ByOthersAsync(Events, "WRITE", lake.Append("SELECT * REPLACE (999 AS _offset, 999 AS _position) FROM rows LIMIT 1"))),
        ["rows of another program in a watermark table"] = new(Orders, typeof(OtherCommitChangesData), async lake => await lake.ByOthersAsync(Orders, "WRITE", lake.Append("SELECT * FROM rows LIMIT 1"))),
        ["rows of another program in a Silver table"] = new(SilverUsers, typeof(OtherCommitChangesData), async lake => await lake.ByOthersAsync(SilverUsers, "WRITE", lake.Append("SELECT * REPLACE (77 AS user_id) FROM rows LIMIT 1"))),
        ["a table restored to an older version by another program"] = new(Events, typeof(OtherCommitChangesData), async lake =>
        {
            var old = await (await lake.OpenAsync(Events)).AtVersionAsync(1, TestContext.Current.CancellationToken);
            await lake.ByOthersAsync(Events, "RESTORE", table => Task.FromResult<(IReadOnlyList<AddFile>, IReadOnlyList<AddFile>)>(([], [.. table.Current.Files.Where(file => !old.FilesByPath.ContainsKey(file.Path))])));
        }),
        ["rows removed from a file, the log made to fit"] = new(Events, typeof(RowsAreNotAsAdded), lake => lake.RewriteFileAsync(Events, 1, "SELECT * FROM rows WHERE _offset <> 1")),
        ["offsets removed by another program"] = new(Events, typeof(RowsAreNotAsAdded), async lake => await lake.ByOthersAsync(Events, "DELETE", lake.Rewrite("SELECT * FROM rows WHERE _offset <> 1"))),
        ["rows twice in a file, the log made to fit"] = new(Events, typeof(RecordsAreThereTwice), lake => lake.RewriteFileAsync(Events, 1, "SELECT * FROM rows UNION ALL SELECT * FROM rows WHERE _offset = 1")),
        ["a position moved on"] = new(Events, typeof(NumbersAreMissing), async lake =>
        {
            lake.WithoutCheckpoints(Events);
            await lake.EditCommitAsync(Events, 3, lines => Txn(lines, "events/user_events/0")["version"] = 900);
        }),
        ["a position moved back"] = new(Events, typeof(RecordIsBeyondPosition), async lake =>
        {
            lake.WithoutCheckpoints(Events);
            await lake.EditCommitAsync(Events, 3, lines => Txn(lines, "events/user_events/0")["version"] = 5);
        }),
        ["statistics that hide rows"] = new(Events, typeof(BoundsAreWrong), async lake =>
        {
            lake.WithoutCheckpoints(Events);
            await lake.EditStatsAsync(Events, 1, stats => stats["maxValues"]!["_offset"] = 0);
        }),
        ["nulls that are none"] = new(SilverUsers, typeof(BoundsAreWrong), lake => lake.EditStatsAsync(SilverUsers, 2, stats => stats["nullCount"]!["user_id"] = 1)),
        ["a number of rows that is none"] = new(SilverOrders, typeof(FileHoldsOtherRows), lake => lake.EditStatsAsync(SilverOrders, 2, stats => stats["numRecords"] = 7)),
        ["a column of another type than the files have"] = new(SilverUsers, typeof(FileHasOtherColumn), lake => SchemaAsync(lake, SilverUsers, "'name','type':'string'", "'name','type':'date'")),
        ["a column of another name than the files have"] = new(SilverUsers, typeof(FileHasOtherColumn), lake => SchemaAsync(lake, SilverUsers, "'name':'user_id'", "'name':'person_id'")),

        ["rows of Silver deleted"] = new(SilverEvents, typeof(FatesDoNotBalance), async lake => await lake.BySelfAsync(SilverEvents, "DELETE", lake.Rewrite("SELECT * FROM rows WHERE event_id <> 1"))),
        ["rows of Silver changed"] = new(SilverEvents, typeof(OtherCommitChangesData), async lake => await lake.ByOthersAsync(SilverEvents, "UPDATE", lake.Rewrite("SELECT * REPLACE ('x' AS kind) FROM rows"))),
        ["a key of Silver twice"] = new(SilverUsers, typeof(KeyOccursAgain), async lake => await lake.BySelfAsync(SilverUsers, "WRITE", lake.Append("SELECT * FROM rows LIMIT 1"))),
        ["a row of the quarantine removed"] = new(SilverEvents, typeof(FatesDoNotBalance), async lake => await lake.BySelfAsync(Quarantine, "DELETE", table => Task.FromResult<(IReadOnlyList<AddFile>, IReadOnlyList<AddFile>)>(([], [.. table.Current.Files])))),
        ["rows of the quality log removed"] = new(SilverEvents, typeof(RunsReadOtherRows), async lake => await lake.BySelfAsync(Quality, "DELETE", lake.Rewrite("SELECT * FROM rows WHERE run > 1"))),
        ["dead letters removed"] = new(Events, typeof(LettersAreMissing), async lake => await lake.BySelfAsync(Letters, "DELETE", lake.Rewrite("SELECT * FROM rows LIMIT 1"))),
        ["a value of Gold changed"] = new(Totals, typeof(QueryReturnsOthers), async lake => await lake.BySelfAsync(Totals, "UPDATE", lake.Rewrite("SELECT * REPLACE (weight + 1 AS weight) FROM rows"))),
        ["a row of Gold too many"] = new(Totals, typeof(QueryReturnsOthers), async lake => await lake.BySelfAsync(Totals, "WRITE", lake.Append("SELECT * REPLACE ('Eve' AS name) FROM rows LIMIT 1"))),
        ["a row of Gold missing"] = new(Totals, typeof(QueryReturnsOthers), async lake => await lake.BySelfAsync(Totals, "DELETE", lake.Rewrite("SELECT * FROM rows LIMIT 1"))),
        ["rows lost by an optimization"] = new(Events, typeof(RearrangementChangesRows), async lake => await lake.ByOthersAsync(Events, "OPTIMIZE", lake.Rewrite("SELECT * FROM rows WHERE _offset <> 1"), dataChange: false)),
        ["rows left out by deletion vectors"] = new(SilverOrders, typeof(CannotBeRead), lake => lake.EditCommitAsync(SilverOrders, 2, lines =>
        {
            lines[0]["commitInfo"]!["actionCount"] = lines.Count + 1;
            lines.Add(JsonNode.Parse("""{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors"]}}""")!.AsObject());
        })),
    };

    public static TheoryData<string> Kinds => [.. Damages.Keys];

    [Fact]
    public void There_are_more_than_forty_kinds() => Assert.True(Damages.Count > 40, $"{Damages.Count}");

    [Theory, MemberData(nameof(Kinds))]
    public async Task Names_the_table_and_what_is_wrong_with_it(string kind)
    {
        var damage = Damages[kind];
        using var lake = await CopyAsync();
        await damage.DoAsync(lake);

        var verified = await lake.VerifyAsync(damage.IsDeep);

        Assert.False(verified.IsSound);
        Assert.False(verified.IsCutShort);
        if (damage.Table is null) Assert.Contains(verified.OfLake, flaw => damage.Is(flaw));
        else Assert.True(verified.Checks.Any(check => check.Table == damage.Table && damage.Is(check.Found)), string.Join("\n", verified.Checks.Where(check => !check.IsSound)));
        // One table's damage ends nobody's report.
        if (damage.Table is not null && Directory.Exists(Path.Combine(lake.Directory, "bronze")))
            Assert.Empty(All.Where(table => Directory.Exists(lake.DirectoryOf(table))).Except(verified.Checks.Select(check => check.Table)));
    }

    [Fact]
    public async Task A_mistyped_path_is_a_lake_without_tables()
    {
        using var lake = await CopyAsync();
        var mistyped = new Delta.Lake(new Delta.Storage.LocalObjectStore(lake.Directory + "-typo"), lake.Time);

        var verified = await VerifyLake.RunAsync(new VerifyLakeRequest(), () => null, mistyped, TestContext.Current.CancellationToken);

        Assert.IsType<LakeIsEmpty>(Assert.Single(verified.OfLake));
        Assert.False(Directory.Exists(lake.Directory + "-typo"));
    }

    [Fact]
    public async Task What_several_tables_have_is_all_said_and_each_kind_of_a_table_once_with_its_count()
    {
        using var lake = await CopyAsync();
        foreach (var file in await lake.FilesAsync(Events)) File.Delete(file);
        await File.WriteAllTextAsync(lake.CommitOf(Users, 1), "", TestContext.Current.CancellationToken);
        lake.RemoveTable(Totals);

        var broken = (await lake.VerifyAsync()).Checks.Where(check => !check.IsSound).ToList();

        Assert.Equal(3, Assert.Single(broken, check => check.Found is FileIsMissing).Times);
        Assert.Contains(broken, check => check.Table == Users && check.Found is CommitIsDamaged { Version: 1 });
        Assert.Contains(broken, check => check.Table == Totals && check.Found is TableIsGone { CanBeMadeAgain: true });
    }

    private static Task Done(Action act)
    {
        act();
        return Task.CompletedTask;
    }

    private static async Task SwapAsync(string one, string other)
    {
        var bytes = await File.ReadAllBytesAsync(one);
        File.Copy(other, one, overwrite: true);
        await File.WriteAllBytesAsync(other, bytes);
    }

    private static JsonObject Txn(List<JsonObject> lines, string appId) => lines.Select(line => line["txn"] as JsonObject).First(txn => (string?)txn?["appId"] == appId)!;

    private static async Task SchemaAsync(WholeLake lake, TableId id, string from, string to)
    {
        var path = lake.CommitOf(id, 0);
        var text = await File.ReadAllTextAsync(path);
        (from, to) = (from.Replace("'", "\\\"", StringComparison.Ordinal), to.Replace("'", "\\\"", StringComparison.Ordinal));
        Assert.Contains(from, text, StringComparison.Ordinal);
        await File.WriteAllTextAsync(path, text.Replace(from, to, StringComparison.Ordinal));
    }

    /// <param name="Table">Null: the lake.</param>
    /// <param name="Flaw">What is to be found in it.</param>
    /// <param name="Or">Or this, as it happens to be.</param>
    private sealed record Damage(TableId? Table, Type Flaw, Func<WholeLake, Task> DoAsync, bool IsDeep = false, Type? Or = null)
    {
        public bool Is(Evidence found) => found.GetType() == Flaw || found.GetType() == Or;
    }
}
