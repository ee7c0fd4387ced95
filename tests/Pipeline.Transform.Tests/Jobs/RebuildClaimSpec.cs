using Pipeline.Core;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs.Rebuild;

namespace Pipeline.Transform.Tests.Jobs;

/// <summary>Beside a table one builds at a time, and who has lost the place commits nothing there any more.</summary>
public sealed class RebuildClaimSpec : IDisposable
{
    private const string Rows = "SELECT user_id, name FROM silver.users ORDER BY ALL";
    private const string Quarantine = "SELECT user_id, _rules FROM silver.users__quarantine ORDER BY ALL";

    private static readonly TableId Teams = TableId.Silver("teams");
    private static readonly TableId Users = TableId.Silver("users");
    private static readonly TableId Beside = TableId.Silver("users__rebuild");

    private readonly TestLake _lake = new(GraphOf("< 9"), runRowsMax: 2);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task Two_rebuilds_that_meet_at_a_table_end_with_one_right_table()
    {
        await FillAsync();
        var graph = GraphOf("< 4");
        var changed = new ChangedTables(_lake.Tables, graph, _lake.Options);
        var first = new TableRebuild(_lake.Lake, graph, _lake.Options, _lake.Time);
        PipelineException? refused = null;
        var commits = 0;
        first.BeforeCommit = table =>
        {
            if (table != Beside || ++commits != 2) return;
            refused = Task.Run(() => Assert.ThrowsAsync<PipelineException>(async () => await changed.RebuildAsync(Teams, _lake.Time, _ => { }, _ => { }, Cancel)), Cancel).GetAwaiter().GetResult();
        };

        await first.RunAsync(Users, withDependents: false, _ => { }, Cancel);

        Assert.True(refused is { IsTransient: true }, $"{refused}");
        Assert.Contains($"it is being rebuilt by process {Environment.ProcessId} on {Environment.MachineName}, since 2026-01-01", refused.Cause, StringComparison.Ordinal);
        Assert.Contains("silver/users", refused.Thing, StringComparison.Ordinal);

        // The table that the other began with is made, and its log shows no change any more; those that refer to it still follow.
        Assert.Empty(await changed.SinceAsync(Teams, Cancel));
        var rebuilt = new List<TableId>();
        Assert.True(await changed.RebuildAsync(Teams, _lake.Time, _ => { }, table => rebuilt.Add(table.Table), Cancel));
        Assert.Equal([Teams, Users], rebuilt);
        Assert.False(await changed.RebuildAsync(Teams, _lake.Time, _ => { }, _ => { }, Cancel));
        await AssertAsync();
    }

    [Fact]
    public async Task A_builder_whose_place_was_made_anew_commits_nothing()
    {
        await FillAsync();
        var first = new TableRebuild(_lake.Lake, GraphOf("< 8"), _lake.Options, _lake.Time);
        var second = new TableRebuild(_lake.Lake, GraphOf("< 4", "user_id > -1"), _lake.Options, _lake.Time);
        second.BeforeCommit = CrashAt(2);
        var commits = 0;
        long? left = null;
        first.BeforeCommit = table =>
        {
            if (table != Beside || ++commits != 2) return;
            left = Task.Run(async () =>
            {
                // As if it were on a machine that has not been heard of for long.
                await ClaimedByAsync(form => form with { Host = "elsewhere", RenewedAt = form.RenewedAt - RebuildClaimForm.Lease });
                await Assert.ThrowsAsync<IOException>(() => second.RunAsync(Users, withDependents: false, _ => { }, Cancel));
                return await VersionAsync();
            }, Cancel).GetAwaiter().GetResult();
        };

        var lost = await Assert.ThrowsAsync<PipelineException>(() => first.RunAsync(Users, withDependents: false, _ => { }, Cancel));

        Assert.Contains("was taken over", lost.Cause, StringComparison.Ordinal);
        Assert.NotNull(left);
        Assert.Equal(left, await VersionAsync());
        await new TableRebuild(_lake.Lake, GraphOf("< 4", "user_id > -1"), _lake.Options, _lake.Time).RunAsync(Teams, withDependents: true, _ => { }, Cancel);
        await AssertAsync();
    }

    [Fact]
    public async Task What_was_left_half_built_by_another_rebuild_is_not_gone_on_with()
    {
        await FillAsync();
        var first = new TableRebuild(_lake.Lake, GraphOf("< 4"), _lake.Options, _lake.Time) { BeforeCommit = CrashAt(2) };
        await Assert.ThrowsAsync<IOException>(() => first.RunAsync(Users, withDependents: false, _ => { }, Cancel));
        var other = new TableRebuild(_lake.Lake, GraphOf("< 4", "user_id > 2"), _lake.Options, _lake.Time) { BeforeCommit = CrashAt(2, after: Teams) };
        await Assert.ThrowsAsync<IOException>(() => other.RunAsync(Teams, withDependents: true, _ => { }, Cancel));

        // The first does not know that there was another.
        await new TableRebuild(_lake.Lake, GraphOf("< 4"), _lake.Options, _lake.Time).RunAsync(Users, withDependents: false, _ => { }, Cancel);

        await AssertAsync();
    }

    [Fact]
    public async Task A_piece_that_was_too_large_is_told_and_the_next_try_goes_on_with_less_at_a_time()
    {
        await FillAsync();
        var first = new TableRebuild(_lake.Lake, GraphOf("< 4"), _lake.Options, _lake.Time)
        {
            BeforeCommit = table =>
            {
                if (table == Beside) throw new PipelineException(FaultKind.TooLarge, "DuckDB", "it does not fit", "Give it less.");
            },
        };
        Assert.Equal(FaultKind.TooLarge, (await Assert.ThrowsAsync<PipelineException>(() => first.RunAsync(Teams, withDependents: true, _ => { }, Cancel))).Kind);
        var commits = 0;
        var next = new TableRebuild(_lake.Lake, GraphOf("< 4"), _lake.Options, _lake.Time) { BeforeCommit = table => commits += table == Beside ? 1 : 0 };

        await next.RunAsync(Teams, withDependents: true, _ => { }, Cancel);

        // Eight rows, one at a time in place of two.
        Assert.Equal(8, commits);
        await AssertAsync();
    }

    [Fact]
    public async Task What_was_built_is_copied_once_however_long_it_takes_and_whatever_is_committed_before_the_switch()
    {
        using var lake = new TestLake(GraphOf("< 9"), runRowsMax: 2, isRemote: true);
        await FillAsync(lake);
        var copied = new List<string>();
        var store = (RemoteStore)lake.Lake.Store;
        store.BeforeUpload = Copying;
        // Killed when all is copied; then the pipeline has a run, so that the next switch is another run.
        var first = new TableRebuild(lake.Lake, GraphOf("< 4"), lake.Options, lake.Time) { BeforeCommit = table => { if (table == Users) throw new IOException("killed"); } };
        await Assert.ThrowsAsync<IOException>(() => first.RunAsync(Users, withDependents: false, _ => { }, Cancel));
        Assert.True(copied.Distinct().Count() > 2, string.Join('\n', copied));
        store.BeforeUpload = null;
        await AppendUserAsync(lake, 9);
        Assert.NotNull(await lake.RunAsync("silver/users"));
        copied.Clear();
        store.BeforeUpload = Copying;

        await new TableRebuild(lake.Lake, GraphOf("< 4"), lake.Options, lake.Time).RunAsync(Users, withDependents: false, _ => { }, Cancel);

        Assert.Single(copied);
        Assert.Equal(Enumerable.Range(1, 9).Select(user => $"{user}|u{user}"), await lake.RowsAsync(Rows));

        void Copying(string path)
        {
            if (!path.StartsWith("silver/users/x-", StringComparison.Ordinal)) return;
            copied.Add(path);
            // Two of them take longer than a job may.
            lake.Time.Advance(0.7 * lake.Options.JobTimeMax);
        }
    }

    [Fact]
    public async Task A_claim_of_a_process_that_is_gone_is_taken_over_and_one_of_another_machine_when_it_is_silent()
    {
        await FillAsync();
        await new TableRebuild(_lake.Lake, GraphOf("< 4"), _lake.Options, _lake.Time).RunAsync(Teams, withDependents: true, _ => { }, Cancel);
        await ClaimedByAsync(form => form with { IsHeld = true, Host = "elsewhere", Process = 7, RenewedAt = _lake.Time.GetUtcNow() });

        var held = await Assert.ThrowsAsync<PipelineException>(RebuildAsync);
        await ClaimedByAsync(form => form with { RenewedAt = form.RenewedAt - RebuildClaimForm.Lease });
        await RebuildAsync();
        await ClaimedByAsync(form => form with { IsHeld = true, Process = int.MaxValue });
        await RebuildAsync();
        // The same number, and another process.
        await ClaimedByAsync(form => form with { IsHeld = true, Started = "1" });
        await RebuildAsync();

        Assert.Contains("it is being rebuilt by process 7 on elsewhere, since 2026-01-01", held.Cause, StringComparison.Ordinal);
        await AssertAsync();
        Assert.Null(await _lake.Lake.TryOpenAsync(Beside, Cancel));

        Task RebuildAsync() => new TableRebuild(_lake.Lake, GraphOf("< 4"), _lake.Options, _lake.Time).RunAsync(Users, withDependents: false, _ => { }, Cancel);
    }

    private static TransformGraph GraphOf(string titles, string users = "user_id > 0") => TestGraph.Of($$"""
        teams { from = bronze/app/teams, columns { team_id { type = long }, title { type = string } }, key = [team_id], rules = [ { name = short, check = "length(title) {{titles}}" } ] }
        users {
          from = bronze/app/users
          columns { user_id { type = long }, name { type = string }, team_id { type = long } }
          key = [user_id]
          rules = [ { name = counted, check = "{{users}}" } ]
          references = [ { name = team_exists, column = team_id, table = silver/teams } ]
        }
        """);

    /// <summary>Before a commit of the place beside the users, counted from 1.</summary>
    private static Action<TableId> CrashAt(int commit, TableId? after = null)
    {
        var (commits, isBegun) = (0, after is null);
        return table =>
        {
            isBegun |= table == after;
            if (isBegun && table == Beside && ++commits == commit) throw new IOException("killed");
        };
    }

    private async Task FillAsync(TestLake? other = null)
    {
        var lake = other ?? _lake;
        await lake.AppendAsync("bronze/app/teams", TestLake.BronzeColumns("team_id long", "title string"), "SELECT * FROM (VALUES (1::BIGINT, 'red', 'c', 1), (2, 'crimson', 'c', 2)) AS v(team_id, title, _op, _position)");
        for (var user = 1; user <= 8; user++) await AppendUserAsync(lake, user);
        await lake.RunAllAsync();
        Assert.Equal(8, (await lake.RowsAsync(Rows)).Count);
    }

    private static Task<long> AppendUserAsync(TestLake lake, int user) => lake.AppendAsync("bronze/app/users", TestLake.BronzeColumns("user_id long", "name string", "team_id long"),
        $"SELECT {user}::BIGINT AS user_id, 'u{user}' AS name, {user % 2 + 1}::BIGINT AS team_id, 'c' AS _op, {user} AS _position");

    /// <summary>As of titles of less than four letters.</summary>
    private async Task AssertAsync()
    {
        Assert.Equal(["2|u2", "4|u4", "6|u6", "8|u8"], await _lake.RowsAsync(Rows));
        Assert.Equal(["1", "3", "5", "7"], (await _lake.RowsAsync(Quarantine)).Select(row => row.Split('|')[0]));
    }

    private async Task<long> VersionAsync() => (await _lake.Lake.TryOpenAsync(Beside, Cancel))!.Current.Version;

    private async Task ClaimedByAsync(Func<RebuildClaimForm, RebuildClaimForm> change)
    {
        var store = _lake.Lake.Store;
        var paths = new List<string>();
        await foreach (var found in store.ListAsync("_pipeline/rebuilding/silver.users/", startAt: null, Cancel)) paths.Add(found.Path);
        var path = Assert.Single(paths);
        await store.PutAsync(path, change(RebuildClaimForm.TryRead((await store.TryGetAsync(path, Cancel))!)!).ToUtf8(), Cancel);
    }
}
