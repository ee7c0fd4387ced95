using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Parquet;
using Pipeline.DuckDb;
using Pipeline.Ingest;
using Pipeline.Ingest.DeadLetters;
using Pipeline.Operations.DeadLetters;
using Pipeline.Operations.Tables;
using Pipeline.Operations.Verification;
using Pipeline.Testing;
using static Pipeline.Operations.Tests.Verification.WholeLake;

namespace Pipeline.Operations.Tests.Verification;

/// <summary>Whatever the product does to a lake, and what it may meet there: nothing of it is a finding.</summary>
public sealed class WholeLakeSpec
{
    private static readonly Dictionary<string, Func<WholeLake, Task>> Histories = new(StringComparer.Ordinal)
    {
        ["as it was made"] = _ => Task.CompletedTask,
        ["compacted"] = CompactAsync,
        ["sorted along a curve"] = async lake =>
        {
            foreach (var (id, by) in ((TableId, string)[])[(Events, "_offset"), (Users, "user_id"), (SilverUsers, "user_id"), (Totals, "name")])
                await ZOrder.RunAsync(await lake.OpenAsync(id), new ZOrderOptions([by], new DataFileOptions(), lake.Engine), Cancel);
        },
        ["compacted and vacuumed"] = async lake =>
        {
            await CompactAsync(lake);
            lake.Time.Advance(TimeSpan.FromDays(30));
            foreach (var id in All) await Vacuum.RunAsync(await lake.OpenAsync(id), new VacuumOptions(), Cancel);
        },
        ["with a log that was cleaned up"] = async lake =>
        {
            lake.WithoutCheckpoints(Users);
            foreach (var id in (TableId[])[Events])
            {
                foreach (var file in Directory.EnumerateFiles(Path.Combine(lake.DirectoryOf(id), "_delta_log"))) File.SetLastWriteTimeUtc(file, lake.Time.GetUtcNow().UtcDateTime);
                lake.Time.Advance(TimeSpan.FromDays(40));
            }

            await lake.AppendEventsAsync(Event(0, 6, 6, "view"), [(0, 6, 7)]);
            await lake.AppendEventsAsync(Event(0, 7, 7, "view"), [(0, 7, 8)]);
            await lake.AppendEventsAsync(Event(0, 8, 8, "view"), [(0, 8, 9)]);
            Assert.False(File.Exists(lake.CommitOf(Events, 0)));
            await lake.RunAsync();
        },
        ["restored as a whole from an older copy, and gone on"] = async lake =>
        {
            using var copy = new ScratchDirectory("lake-copy-");
            CopyDirectory(lake.Directory, copy);
            await lake.AppendEventsAsync(Event(0, 6, 6, "view"), [(0, 6, 7)]);
            await lake.RunAsync();
            ScratchDirectory.Delete(lake.Directory);
            CopyDirectory(copy, lake.Directory);
            await lake.AppendEventsAsync(Event(0, 6, 60, "view"), [(0, 6, 7)]);
            await lake.RunAsync();
        },
        ["with rows that a stopped table has not read"] = async lake =>
        {
            await lake.AppendEventsAsync(Event(0, 6, 6, "view") + Event(0, 7, 7, "view", more: true), [(0, 6, 8)]);
            var fates = (await lake.VerifyAsync()).Checks.Single(check => check is { Check: TableCheck.Fates } && check.Table == SilverEvents).Found;
            Assert.Equal(new FatesBalance(8, new RowFates(4, 1, 1, 0), Unread: 2), fates);
        },
        ["with a Silver table that was never made"] = async lake =>
        {
            lake.RemoveTable(SilverOrders);
            File.Delete(Path.Combine(lake.Directory, "_pipeline", "made", SilverOrders + ".json"));
            // Of a table that no run has made the quality log knows nothing.
            await lake.BySelfAsync(Quality, "DELETE", lake.Rewrite($"SELECT * FROM rows WHERE table_name <> '{SilverOrders}'"));
            await WithoutTxnAsync(lake, Quality, SilverOrders.ToString());
            var fates = (await lake.VerifyAsync()).Checks.Single(check => check is { Check: TableCheck.Fates } && check.Table == SilverOrders).Found;
            Assert.Equal(new FatesBalance(3, new RowFates(0, 0, 0, 0), Unread: 3), fates);
        },
        ["with a run that was cut off between its commits"] = async lake =>
        {
            await lake.AppendEventsAsync(Event(0, 6, 6, "bad"), [(0, 6, 7)]);
            await Assert.ThrowsAsync<IOException>(() => lake.RunAsync(table =>
            {
                if (table == Quality) throw new IOException("cut off");
            }));
        },
        ["with dead letters ahead of their table"] = async lake =>
        {
            var at = lake.CommitOf(Events, (await lake.OpenAsync(Events)).Current.Version + 1);
            await lake.AppendEventsAsync(Event(0, 6, 6, "view"), [(0, 6, 8)], [(0, 7)]);
            File.Delete(at);
        },
        ["with a gap that was given up"] = async lake =>
        {
            await GapAcceptance.AcceptAsync(lake.Lake, Events, [new SplitGap(Split(0), new PositionRange(6, 106))], TimeProvider.System, Cancel);
            await lake.AppendEventsAsync(Event(0, 106, 6, "view"), [(0, 106, 107)]);
            await lake.RunAsync();
            Assert.Contains((await lake.VerifyAsync()).Checks, check => check.Found is RecordsAreThereOnce { Unused: 1, GivenUp: 100 });
        },
        ["with numbers that hold no record at the source"] = async lake =>
        {
            await lake.AppendEventsAsync(Event(0, 500, 6, "view"), [(0, 6, 501)], unused: 494);
            Assert.Contains((await lake.VerifyAsync()).Checks, check => check.Found is RecordsAreThereOnce { Unused: 495, GivenUp: 0 });
        },
        ["with a part of a topic that was read again in its order"] = async lake =>
        {
            await ReadAgainAsync(lake);

            // Two numbers hold no record: the same one in each reading.
            var checks = (await lake.VerifyAsync()).Checks;
            Assert.Contains(checks, check => check.Table == Events && check.Found is RecordsAreThereOnce { Records: 9, Unused: 2, GivenUp: 0 });
            Assert.Contains(checks, check => check.Table == Events && check.Found is LettersAreThere { Letters: 3 });
            // None is of a history that is over.
            Assert.Contains(checks, check => check.Table == SilverEvents && check.Found is KeysAreUnique { Earlier: 0 });
            var explained = await ExplainRow.RunAsync(new ExplainRowRequest(SilverEvents, ["2"]), lake.Graph, lake.Lake, Cancel);
            Assert.Equal("1", Assert.Single(explained.Stations, station => station.Step == RowStep.Bronze).Detail["_reading"]);
            // Made anew from all of Bronze it is the same.
            var rows = await RowsAsync();
            Assert.Contains("2|again|1", rows);
            await lake.RebuildAsync(SilverEvents);
            Assert.Equal(rows, await RowsAsync());

            async Task<IReadOnlyList<string>> RowsAsync()
            {
                using var session = lake.OpenSession();
                return [.. session.Rows($"SELECT concat_ws('|', event_id, kind, _reading) FROM ({await lake.RowsAsync(session, await lake.OpenAsync(SilverEvents))}) ORDER BY 1").Select(row => (string)row[0]!)];
            }
        },
        ["with letters of both readings of a part, one of them re-driven"] = async lake =>
        {
            await ReadAgainAsync(lake);
            await RedriveAsync(lake, "_reading = 1");
            await lake.RunAsync();

            // The same number is a letter twice, and one of them is a row.
            Assert.Contains((await lake.VerifyAsync()).Checks, check => check.Table == Events && check.Found is RecordsAreThereOnce { Records: 10, Unused: 2, GivenUp: 0 });
            var listed = await ListDeadLetters.RunAsync(new ListDeadLettersRequest(Source: null, Events), lake.Lake, Cancel);
            Assert.Equal([(0, 2L, 0L), (1, 1L, 1L)], listed.Counts.Select(count => (count.Epoch, count.Letters, count.Redriven!.Value)));
            var shown = await ShowDeadLetters.RunAsync(new ShowDeadLettersRequest("events", Events, new LetterSelection(Position: 2, Split: "user_events/0"), LettersMax: 5), lake.Lake, Cancel);
            Assert.Equal([(0, false), (1, true)], shown.Letters.Select(letter => (letter.Epoch, letter.IsRedriven!.Value)));
        },
        ["with rows removed on purpose"] = async lake =>
        {
            await PredicateDelete.RunAsync(await lake.OpenAsync(Users), "user_id = 1", lake.Engine, Cancel);
            await PredicateDelete.RunAsync(await lake.OpenAsync(SilverEvents), "event_id = 4", lake.Engine, Cancel);
            Assert.Contains((await lake.VerifyAsync()).Checks, check => check is { Found: RowsAreAdded { Removed: 1 } } && check.Table == Users);
        },
        ["with letters that were re-driven"] = async lake =>
        {
            await RedriveAsync(lake, "true");
            await lake.RunAsync();
        },
        ["with moves that bring no rows"] = async lake => await lake.AppendUsersAsync("SELECT 1 AS user_id, 'x' AS name, 0 AS _sequence, 'u' AS op, 20 AS position WHERE false", 21, 900),
        ["with a truncate at the source"] = async lake =>
        {
            await lake.AppendUsersAsync("SELECT NULL AS user_id, NULL AS name, 0 AS _sequence, 't' AS op, 30 AS position UNION ALL SELECT 9, 'Zoe', 1, 'c', 30", 21, 31);
            await lake.RunAsync();
        },
        ["put together by another program"] = async lake => await lake.ByOthersAsync(Users, "OPTIMIZE", lake.Rewrite("SELECT * FROM rows"), dataChange: false),
        ["of a release that took no checksums and counted nothing"] = async lake =>
        {
            foreach (var id in All)
            {
                lake.WithoutCheckpoints(id);
                for (var version = 1L; File.Exists(lake.CommitOf(id, version)); version++)
                    await lake.EditCommitAsync(id, version, lines =>
                    {
                        foreach (var line in lines) (line["add"] as JsonObject)?.Remove("tags");
                        lines.RemoveAll(line => ((string?)line["txn"]?["appId"])?.Contains('/', StringComparison.Ordinal) == false && (string?)line["txn"]?["appId"] is not ("run" or "truncated" or "definition"));
                        lines[0]["commitInfo"]!["actionCount"] = lines.Count;
                    });
            }

            ScratchDirectory.Delete(Path.Combine(lake.Directory, "_pipeline", "made"));
            await lake.AppendEventsAsync(Event(0, 6, 6, "view"), [(0, 6, 7)]);
            await lake.AppendUsersAsync("SELECT 1 AS user_id, 'Al' AS name, 0 AS _sequence, 'u' AS op, 30 AS position", 21, 31);
            await lake.RunAsync();
        },
        ["of which no node has said what it shall hold"] = lake =>
        {
            File.Delete(Path.Combine(lake.Directory, LakeTables.Path));
            return Task.CompletedTask;
        },
        ["with a table that left the configuration and was removed"] = async lake =>
        {
            await (lake.Tables with { Gold = [] }).WriteAsync(lake.Lake.Store, Cancel);
            lake.RemoveTable(Totals);
        },
        ["with a query that has changed since"] = async lake =>
            await (lake.Tables with { Gold = [lake.Tables.Gold[0] with { Fingerprint = 1 }] }).WriteAsync(lake.Lake.Store, Cancel),
        ["with what killed writers left"] = async lake =>
        {
            await File.WriteAllTextAsync(Path.Combine(lake.DirectoryOf(Users), "part-00000-11111111-1111-1111-1111-111111111111.c000.snappy.parquet"), "half", Cancel);
            await File.WriteAllTextAsync(Path.Combine(lake.DirectoryOf(Users), "_delta_log", $".{9:D20}.json.{Guid.NewGuid():N}.tmp"), "half", Cancel);
        },
        ["with a checkpoint that was lost"] = lake =>
        {
            lake.WithoutCheckpoints(Events);
            return Task.CompletedTask;
        },
    };

    public static TheoryData<string> Kinds => [.. Histories.Keys];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void There_are_more_than_twenty_histories() => Assert.True(Histories.Count > 20, $"{Histories.Count}");

    [Theory, MemberData(nameof(Kinds))]
    public async Task Nothing_is_found(string history)
    {
        using var lake = await CopyAsync();
        await Histories[history](lake);

        var verified = await lake.VerifyAsync(isDeep: true);

        Assert.True(verified.IsSound, string.Join("\n", verified.OfLake.Cast<object>().Concat(verified.Checks.Where(check => !check.IsSound))));
        Assert.NotEmpty(verified.Checks);
    }

    /// <summary>A row, a letter and a number without a record of the first partition, which goes on where it was left; and the other, which went on.</summary>
    internal static async Task ReadAgainAsync(WholeLake lake)
    {
        var (events, letters) = (await lake.OpenAsync(Events), await lake.OpenAsync(Letters));
        await CommitAsync(events, new Transaction("BEGIN", Isolation.BlindAppend) { Properties = OfBoth(_ => new SplitHistory(0, "t")) });
        var begun = NextEpoch.Of("BACKFILL", events.Current, [.. events.Current.Histories.BySplit], new Dictionary<SplitId, long?> { [Split(0)] = 1 }, NextEpoch.OrderOf(events.Current));
        await CommitAsync(events, begun with { Properties = begun.Properties.Add(SplitTurn.KeyOf(Split(0)), new SplitTurn(1, To: 4, Back: 6, default).Write()) });
        await CommitAsync(letters, new Transaction("BEGIN", Isolation.BlindAppend) { Properties = OfBoth(_ => new SplitHistory(1, "t#1")) });

        await lake.AppendEventsAsync(Event(0, 1, 2, "again"), [(0, 1, 4)], [(0, 2)], unused: 1, reading: 1);
        var read = await lake.OpenAsync(Events);
        await CommitAsync(read, TableTurns.ToEnd(read.Current, [new Split(Split(0), ["user_events"])])!);
        await lake.AppendEventsAsync(Event(0, 6, 6, "view") + Event(1, 3, 7, "view", more: true), [(0, 6, 7), (1, 3, 4)], reading: 1);
        await lake.RunAsync();

        static System.Collections.Immutable.ImmutableDictionary<string, string?> OfBoth(Func<int, SplitHistory> history) =>
            System.Collections.Immutable.ImmutableDictionary<string, string?>.Empty.AddRange(Enumerable.Range(0, 2).Select(partition => KeyValuePair.Create(SplitHistory.KeyOf(Split(partition)), (string?)history(partition).Write())));
    }

    /// <summary>A letter of the first partition as a redrive enters it: the column of its mark comes with its first row.</summary>
    /// <param name="like">A row that its own is like, but for its number.</param>
    private static async Task RedriveAsync(WholeLake lake, string like)
    {
        var table = await lake.OpenAsync(Events);
        var schema = new Apache.Arrow.Schema([.. table.Current.Schema.FieldsList, BronzeColumns.RedrivenFromField], null);
        using var session = lake.OpenSession();
        var columns = schema.FieldsList.Where(field => field.Name != BronzeColumns.IngestDate).ToList();
        var redriven = (await ParquetCopy.WriteAsync(session, table, columns, $"""
            SELECT * REPLACE (0 AS _partition, 2 AS _offset, 2 AS _position), 'events/user_events/0' AS _redriven_from FROM ({await lake.RowsAsync(session, table)}) WHERE {like} LIMIT 1
            """, lake.Time.GetUtcNow(), Cancel)).Select(file => file with { PartitionValues = ActionReader.NoValues.Add(BronzeColumns.IngestDate, "2026-03-02") });
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction(Redrive.Operation, Isolation.BlindAppend)
        {
            Adds = [.. redriven], Moves = [new TxnMove(Redrive.AppId, null, 1)], Counts = [new TxnCount(RowCounts.Added, 1)], Schema = schema,
        }, Cancel));
    }

    private static async Task CommitAsync(Pipeline.Delta.DeltaTable table, Transaction transaction) => Assert.IsType<CommitResult.Committed>(await table.CommitAsync(transaction, Cancel));

    private static async Task CompactAsync(WholeLake lake)
    {
        foreach (var id in All) await Compaction.RunAsync(await lake.OpenAsync(id), new CompactionOptions(new DataFileOptions()), Cancel);
    }

    private static async Task WithoutTxnAsync(WholeLake lake, TableId id, string appId)
    {
        lake.WithoutCheckpoints(id);
        for (var version = 1L; File.Exists(lake.CommitOf(id, version)); version++)
            await lake.EditCommitAsync(id, version, lines =>
            {
                lines.RemoveAll(line => (string?)line["txn"]?["appId"] == appId);
                lines[0]["commitInfo"]!["actionCount"] = lines.Count;
            });
    }
}
