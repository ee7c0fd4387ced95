using System.Collections.Immutable;
using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta.Log;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>A Silver table that has asked for nothing for so long that what it has not read is gone.</summary>
public sealed class DroppedReaderSpec : IDisposable
{
    private const string Bronze = "bronze/app/users";

    private static readonly TableId Silver = TableId.Silver("users");
    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long", "name string");

    private readonly TestLake _lake = new(TestGraph.Of("users { from = bronze/app/users, columns { user_id { type = long }, name { type = string } }, key = [user_id] }"));

    private int _position;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_reader_that_was_dropped_is_made_from_the_whole_table_by_itself_and_it_is_said_once(bool isLogCleanedUp)
    {
        await AppendAsync(1, "a");
        await _lake.RunAllAsync();
        await AppendAsync(1, "b");
        await AppendAsync(2, "a");
        if (isLogCleanedUp) await CleanUpAsync();
        else await _lake.CompactAsync(Bronze);
        _lake.Time.Advance(TimeSpan.FromDays(40));
        if (!isLogCleanedUp) Assert.Equal(3, (await _lake.VacuumAsync(Bronze)).Files);

        var unread = await Assert.ThrowsAsync<PipelineException>(async () => await _lake.Planner.PlanAsync(Silver, Cancel));
        string[] said;
        await using (var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs))
        {
            while (!(await node.SaidAsync()).Any(line => line.Contains("is made anew and up to date", StringComparison.Ordinal))) await Task.Delay(20, Cancel);
            await AppendAsync(3, "a");
            var after = await node.UntilAsync(tables => tables.Single().Rows == 3);
            Assert.Equal((0, null), (after.Tables.Single().FailedAttempts, after.Tables.Single().Error));
            said = await node.SaidAsync();
        }

        Assert.Contains("./pipeline rebuild silver/users", unread.NextStep, StringComparison.Ordinal);
        Assert.Equal(["1|b", "2|a", "3|a"], await _lake.RowsAsync("SELECT user_id, name FROM silver.users ORDER BY 1"));
        Assert.Single(said, line => line.Contains("is no longer kept", StringComparison.Ordinal));
        Assert.Single(said, line => line.Contains("is made anew and up to date", StringComparison.Ordinal));
        Assert.DoesNotContain(said, line => line.Contains("stopped", StringComparison.OrdinalIgnoreCase));
        Assert.Null(await _lake.Lake.TryOpenAsync(TableId.Silver("users__rebuild"), Cancel));
    }

    [Fact]
    public async Task One_that_cannot_be_made_anew_is_tried_again_after_a_pause_says_why_and_is_made_once_it_can()
    {
        await AppendAsync(1, "a");
        await _lake.RunAllAsync();
        await AppendAsync(2, "b");
        await CleanUpAsync();
        _lake.Time.Advance(TimeSpan.FromDays(40));
        // In the place of what a rebuild notes of itself.
        var inTheWay = Directory.CreateDirectory(_lake.Lake.Store.LocalPath("_pipeline/rebuild-silver.users.json")!).FullName;
        await using var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs);

        for (var attempts = 1; attempts <= 3; attempts++)
        {
            await node.UntilAsync(tables => tables.Single().FailedAttempts == attempts);
            // Its clock stands, and with it the pause.
            for (var looks = 0; looks < 20; looks++)
            {
                await Task.Delay(20, Cancel);
                Assert.Equal(attempts, (await node.StatusAsync()).Tables.Single().FailedAttempts);
            }

            if (attempts < 3) _lake.Time.Advance(_lake.Options.HaltRetry.BackoffMax + TimeSpan.FromSeconds(1));
        }

        Assert.Contains("it cannot be made anew from the whole of bronze/app/users", (await node.StatusAsync()).Tables.Single().Error, StringComparison.Ordinal);
        Directory.Move(inTheWay, inTheWay + ".away");
        _lake.Time.Advance(_lake.Options.HaltRetry.BackoffMax + TimeSpan.FromSeconds(1));
        await node.UntilAsync(tables => tables.Single() is { FailedAttempts: 0, Error: null });
        Assert.Equal(["1|a", "2|a"], await _lake.RowsAsync("SELECT user_id, name FROM silver.users ORDER BY 1"));
        Assert.Single(await node.SaidAsync(), line => line.Contains("is no longer kept", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_reader_of_which_everything_is_still_there_reads_on_however_long_it_has_rested()
    {
        await AppendAsync(1, "a");
        await _lake.RunAllAsync();
        await AppendAsync(2, "a");
        _lake.Time.Advance(TimeSpan.FromDays(40));

        Assert.Null(await _lake.Planner.DroppedByAsync(Silver, Cancel));
        Assert.Equal(2, (await _lake.RunAsync("silver/users"))!.Rows);
    }

    private Task<long> AppendAsync(int user, string name) => _lake.AppendAsync(Bronze, Users, $"SELECT {user} AS user_id, '{name}' AS name, 'r' AS _op, {_position++} AS _position");

    /// <summary>As clean-up does it: everything before the newest checkpoint.</summary>
    private async Task CleanUpAsync()
    {
        var bronze = (await _lake.Lake.TryOpenAsync(TableId.Parse(Bronze), Cancel))!;
        await bronze.CommitAsync(new Transaction("SET", Isolation.BlindAppend) { ReadVersion = bronze.Current.Version, Properties = ImmutableDictionary<string, string?>.Empty.Add("delta.checkpointInterval", "1") }, Cancel);
        await AppendAsync(2, "a");
        var store = _lake.Lake.Store;
        string? checkpoint = null;
        // Written beside the commits.
        while (checkpoint is null)
        {
            await foreach (var found in store.ListAsync($"{Bronze}/_delta_log/", startAt: null, Cancel))
                if (found.Path.EndsWith(".checkpoint.parquet", StringComparison.Ordinal)) checkpoint = found.Path;
            if (checkpoint is null) await Task.Delay(10, Cancel);
        }

        var version = long.Parse(checkpoint.Split('/')[^1].Split('.')[0]);
        for (var old = 0L; old < version; old++) await store.DeleteAsync($"{Bronze}/_delta_log/{old:D20}.json", Cancel);
    }
}
