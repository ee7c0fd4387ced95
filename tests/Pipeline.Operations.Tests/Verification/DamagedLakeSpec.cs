using System.Diagnostics;
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
        ["two objects swapped"] = new(Quality, typeof(FileHasOtherBytes), async lake =>
        {
            var files = await lake.FilesAsync(Quality);
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
        ["a commit there twice"] = new(Orders, typeof(PositionWentBack), async lake => File.Copy(lake.CommitOf(Orders, (await lake.LastMoveAsync(Orders)).Version), lake.CommitOf(Orders, await lake.VersionAsync(Orders) + 1))),
        ["the newest commit removed"] = new(SilverOrders, typeof(InputIsBehind), async lake =>
        {
            lake.WithoutCheckpoints(Orders);
            File.Delete(lake.CommitOf(Orders, await lake.VersionAsync(Orders)));
        }),
        ["a checkpoint cut"] = new(Events, typeof(CheckpointIsDamaged), lake => lake.CutCheckpointAsync(Events)),
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
        ["rows of another program in a Silver table"] = new(SilverUsers, typeof(OtherCommitChangesData), async lake => await lake.ByOthersAsync(SilverUsers, "WRITE", lake.AppendOther(table => table.Current.Schema.GetFieldByName("user_id")))),
        ["a table restored to an older version by another program"] = new(Events, typeof(OtherCommitChangesData), async lake =>
        {
            var table = await lake.OpenAsync(Events);
            var old = await table.AtVersionAsync(table.Current.Version / 2, TestContext.Current.CancellationToken);
            await lake.ByOthersAsync(Events, "RESTORE", _ => Task.FromResult<(IReadOnlyList<AddFile>, IReadOnlyList<AddFile>)>(([], [.. table.Current.Files.Where(file => !old.FilesByPath.ContainsKey(file.Path))])));
        }),
        ["rows removed from a file, the log made to fit"] = new(Events, typeof(RowsAreNotAsAdded), lake => lake.RewriteFileAsync(Events, LakeDamage.AllButOne)),
        ["offsets removed by another program"] = new(Events, typeof(RowsAreNotAsAdded), async lake => await lake.ByOthersAsync(Events, "DELETE", lake.Rewrite(LakeDamage.AllButOne))),
        ["rows twice in a file, the log made to fit"] = new(Events, typeof(RecordsAreThereTwice), lake => lake.RewriteFileAsync(Events, "SELECT * FROM rows UNION ALL (SELECT * FROM rows LIMIT 1)")),
        ["rows twice in a reading of a part that was read again"] = new(Events, typeof(RecordsAreThereTwice), async lake =>
        {
            await WholeLakeSpec.ReadAgainAsync(lake);
            await lake.RewriteFileAsync(Events, "SELECT * FROM rows UNION ALL (SELECT * FROM rows LIMIT 1)");
        }),
        ["a position moved on behind a part that was read again"] = new(Events, typeof(NumbersAreMissing), async lake =>
        {
            await WholeLakeSpec.ReadAgainAsync(lake);
            var (version, _) = await lake.LastMoveAsync(Events);
            await lake.EditCommitAsync(Events, version, lines => Txn(lines, "events/user_events/0#1")["version"] = 8);
        }),
        ["a position moved on"] = new(Events, typeof(NumbersAreMissing), async lake =>
        {
            var (version, move) = await lake.LastMoveAsync(Events);
            await lake.EditCommitAsync(Events, version, lines => Txn(lines, move.AppId)["version"] = move.Version + 900);
        }),
        ["a position moved back"] = new(Events, typeof(RecordIsBeyondPosition), async lake =>
        {
            var (version, move) = await lake.LastMoveAsync(Events);
            await lake.EditCommitAsync(Events, version, lines => Txn(lines, move.AppId)["version"] = 1);
        }),
        ["statistics that hide rows"] = new(Events, typeof(BoundsAreWrong), lake => lake.EditStatsAsync(Events, "\"maxValues\"", stats => stats["maxValues"]!["_offset"] = (long)stats["maxValues"]!["_offset"]! - 1)),
        ["nulls that are none"] = new(SilverUsers, typeof(BoundsAreWrong), lake => lake.EditStatsAsync(SilverUsers, "\"nullCount\"", stats => stats["nullCount"]!["user_id"] = 1)),
        ["a number of rows that is none"] = new(SilverOrders, typeof(FileHoldsOtherRows), lake => lake.EditStatsAsync(SilverOrders, "numRecords", stats => stats["numRecords"] = 7_777)),
        ["a column of another type than the files have"] = new(SilverUsers, typeof(FileHasOtherColumn), lake => SchemaAsync(lake, SilverUsers, "'name':'user_id','type':'long'", "'name':'user_id','type':'date'")),
        ["a column of another name than the files have"] = new(SilverUsers, typeof(FileHasOtherColumn), lake => SchemaAsync(lake, SilverUsers, "'name':'user_id'", "'name':'person_id'")),

        ["rows of Silver deleted"] = new(SilverEvents, typeof(FatesDoNotBalance), async lake => await lake.BySelfAsync(SilverEvents, "DELETE", lake.Rewrite(LakeDamage.AllButOne))),
        ["rows of Silver changed"] = new(SilverEvents, typeof(OtherCommitChangesData), async lake => await lake.ByOthersAsync(SilverEvents, "UPDATE", lake.Rewrite("SELECT * REPLACE (_position + 1 AS _position) FROM rows"))),
        ["a key of Silver twice"] = new(SilverUsers, typeof(KeyOccursAgain), async lake => await lake.BySelfAsync(SilverUsers, "WRITE", lake.Append("SELECT * FROM rows LIMIT 1"))),
        ["a row of the quarantine removed"] = new(SilverEvents, typeof(FatesDoNotBalance), async lake => await lake.BySelfAsync(Quarantine, "DELETE", table => Task.FromResult<(IReadOnlyList<AddFile>, IReadOnlyList<AddFile>)>(([], [.. table.Current.Files])))),
        ["rows of the quality log removed"] = new(SilverEvents, typeof(RunsReadOtherRows), async lake => await lake.BySelfAsync(Quality, "DELETE", lake.Rewrite("SELECT * FROM rows WHERE run > 1"))),
        ["dead letters removed"] = new(Events, typeof(LettersAreMissing), async lake => await lake.BySelfAsync(Letters, "DELETE", lake.Rewrite("SELECT * FROM rows LIMIT 1"))),
        ["a value of Gold changed"] = new(Totals, typeof(QueryReturnsOthers), async lake => await lake.BySelfAsync(Totals, "UPDATE", lake.WithoutLast())),
        ["a row of Gold too many"] = new(Totals, typeof(QueryReturnsOthers), async lake => await lake.BySelfAsync(Totals, "WRITE", lake.AppendOther(table => table.Current.Schema.FieldsList[0]))),
        ["a row of Gold missing"] = new(Totals, typeof(QueryReturnsOthers), async lake => await lake.BySelfAsync(Totals, "DELETE", lake.Rewrite("SELECT * FROM rows LIMIT 1"))),
        ["rows lost by an optimization"] = new(Events, typeof(RearrangementChangesRows), async lake => await lake.ByOthersAsync(Events, "OPTIMIZE", lake.Rewrite(LakeDamage.AllButOne), dataChange: false)),
        ["rows left out by deletion vectors"] = new(SilverOrders, typeof(CannotBeRead), async lake =>
        {
            lake.WithoutCheckpoints(SilverOrders);
            await lake.EditCommitAsync(SilverOrders, await lake.VersionAsync(SilverOrders), lines =>
            {
                lines[0]["commitInfo"]!["actionCount"] = lines.Count + 1;
                lines.Add(JsonNode.Parse("""{"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"],"writerFeatures":["deletionVectors"]}}""")!.AsObject());
            });
        }),
    };

    public static TheoryData<string> Kinds => [.. Damages.Keys];

    [Fact]
    public void There_are_more_than_forty_kinds() => Assert.True(Damages.Count > 40, $"{Damages.Count}");

    [Theory, MemberData(nameof(Kinds))]
    public async Task Names_the_table_and_what_is_wrong_with_it(string kind)
    {
        using var lake = await CopyAsync();

        await IsNamedAsync(kind, lake);
    }

    /// <summary>The same for the demo's own lake: nightly, or for one that is named.</summary>
    [Fact]
    public async Task Names_it_in_the_lake_of_a_demo_too()
    {
        var given = Environment.GetEnvironmentVariable("PIPELINE_DEMO_LAKE");
        Assert.SkipUnless(given is not null || Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", "Nightly: it runs a demo, and verifies its lake some sixty times.");
        using var made = new ScratchDirectory("demo-lake-");
        var demo = given ?? await DemoLakeAsync(Path.Combine(made, "lake"));
        var named = 0;
        var unnamed = new List<string>();
        foreach (var (kind, damage) in Damages)
        {
            using var lake = CopyOf(demo);
            // The demo deletes nothing at some of its sources.
            if (damage.Table is { } table && !File.Exists(lake.CommitOf(table, 0))) continue;
            if (await Record.ExceptionAsync(() => IsNamedAsync(kind, lake)) is { } failure) unnamed.Add($"{kind}: {failure.Message}");
            else named++;
        }

        Assert.Equal("", string.Join("\n", unnamed));
        Assert.True(named > 40, $"{named}");
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

    private static async Task IsNamedAsync(string kind, WholeLake lake)
    {
        var damage = Damages[kind];
        await damage.DoAsync(lake);

        var verified = await lake.VerifyAsync(damage.IsDeep);

        Assert.False(verified.IsSound, kind);
        Assert.False(verified.IsCutShort, kind);
        if (damage.Table is null) Assert.Contains(verified.OfLake, flaw => damage.Is(flaw));
        else Assert.True(verified.Checks.Any(check => check.Table == damage.Table && damage.Is(check.Found)), $"{kind}: {string.Join("\n", verified.Checks.Where(check => !check.IsSound))}");
        // One table's damage ends nobody's report.
        if (damage.Table is not null && Directory.Exists(Path.Combine(lake.Directory, "bronze")))
            Assert.Empty(All.Where(table => Directory.Exists(lake.DirectoryOf(table))).Except(verified.Checks.Select(check => check.Table)));
    }

    private static async Task<string> DemoLakeAsync(string directory)
    {
        using var demo = Process.Start(new ProcessStartInfo(Path.Combine(Repository.Root, "pipeline"), ["demo", "--once", "--lake", directory]) { WorkingDirectory = Repository.Root, RedirectStandardOutput = true, UseShellExecute = false })!;
        await demo.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await demo.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, demo.ExitCode);
        return directory;
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
        lake.WithoutCheckpoints(id);
        (from, to) = (from.Replace("'", "\\\"", StringComparison.Ordinal), to.Replace("'", "\\\"", StringComparison.Ordinal));
        var found = 0;
        // A later commit may have said it again.
        foreach (var path in Directory.EnumerateFiles(Path.GetDirectoryName(lake.CommitOf(id, 0))!, "*.json"))
        {
            var text = await File.ReadAllTextAsync(path);
            if (!text.Contains(from, StringComparison.Ordinal)) continue;
            found++;
            await File.WriteAllTextAsync(path, text.Replace(from, to, StringComparison.Ordinal));
        }

        Assert.True(found > 0, from);
    }

    /// <param name="Table">Null: the lake.</param>
    /// <param name="Flaw">What is to be found in it.</param>
    /// <param name="Or">Or this, as it happens to be.</param>
    private sealed record Damage(TableId? Table, Type Flaw, Func<WholeLake, Task> DoAsync, bool IsDeep = false, Type? Or = null)
    {
        public bool Is(Evidence found) => found.GetType() == Flaw || found.GetType() == Or;
    }
}
