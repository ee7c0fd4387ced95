using Apache.Arrow;
using Pipeline.Transform.Coordination;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>A pipeline that starts with another contract than its tables were made by.</summary>
public sealed class ChangedContractSpec : IDisposable
{
    private const string Contract = "users { from = bronze/app/users, columns { user_id { type = long }, name { type = string } }, key = [user_id], rules = [ { name = short, check = \"length(name) < 3\" } ] }";

    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long", "name string", "city string");

    private readonly TestLake _lake = new(TestGraph.Of(Contract));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task Makes_the_table_anew_by_itself_says_why_once_and_goes_on()
    {
        await AppendAsync(1, "a");
        await AppendAsync(2, "long");
        await _lake.RunAllAsync();
        using var changed = _lake.With(TestGraph.Of(Contract.Replace("name { type = string }", "name { type = string }, city { type = string }", StringComparison.Ordinal).Replace("< 3", "> 3", StringComparison.Ordinal)));
        string[] said;
        await using (var node = await CoordinatorNode.StartAsync(changed, changed.Jobs))
        {
            while (!(await node.SaidAsync()).Any(line => line.Contains("is made anew and up to date", StringComparison.Ordinal))) await Task.Delay(20, Cancel);
            await AppendAsync(3, "longer");
            await node.UntilAsync(tables => tables.Single().Rows == 2);
            said = await node.SaidAsync();
        }

        Assert.Equal(["2|long|Bern", "3|longer|Bern"], await changed.RowsAsync("SELECT user_id, name, city FROM silver.users ORDER BY 1"));
        Assert.Equal(["1|short"], await changed.RowsAsync("SELECT user_id, _rules FROM silver.users__quarantine"));
        Assert.Contains("column city added, rule short changed", Assert.Single(said, line => line.Contains("its configuration has changed", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Single(said, line => line.Contains("is made anew and up to date", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_try_that_has_no_end_is_cut_off_after_the_time_of_a_run_told_and_made_again()
    {
        using var lake = new TestLake(TestGraph.Of(Contract), isRemote: true);
        await lake.AppendAsync("bronze/app/users", Users, "SELECT 1::BIGINT AS user_id, 'long' AS name, 'Bern' AS city, 'c' AS _op, 1::BIGINT AS _position");
        await lake.RunAllAsync();
        using var changed = lake.With(TestGraph.Of(Contract.Replace("< 3", "> 3", StringComparison.Ordinal)), isRemote: true);
        var (store, reached) = ((RemoteStore)changed.Lake.Store, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        store.BeforePutIfAbsent = async (path, cancellationToken) =>
        {
            if (!path.StartsWith("silver/users__rebuild/_delta_log/", StringComparison.Ordinal)) return;
            reached.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        };
        await using var node = await CoordinatorNode.StartAsync(changed, changed.Jobs);
        await reached.Task.WaitAsync(Cancel);

        changed.Time.Advance(changed.Options.JobTimeMax);
        var waiting = (await node.UntilAsync(tables => tables.Single().Error is not null)).Tables.Single();
        store.BeforePutIfAbsent = null;
        changed.Time.Advance(changed.Options.Retry.BackoffMax);
        while (!(await node.SaidAsync()).Any(line => line.Contains("is made anew and up to date", StringComparison.Ordinal))) await Task.Delay(20, Cancel);

        const string told = "Table silver/users__rebuild: run 1 has taken more than 1,800 s and was cancelled. If it needs longer, raise transform.job-time-max";
        Assert.Equal(TableActivity.BackingOff, waiting.Activity);
        Assert.StartsWith(told, waiting.Error, StringComparison.Ordinal);
        Assert.Single(await node.SaidAsync(), line => line.Contains(told, StringComparison.Ordinal));
        Assert.Equal(["1|long"], await changed.RowsAsync("SELECT user_id, name FROM silver.users"));
    }

    private Task<long> AppendAsync(int id, string name) =>
        _lake.AppendAsync("bronze/app/users", Users, $"SELECT {id}::BIGINT AS user_id, '{name}' AS name, 'Bern' AS city, 'c' AS _op, {id}::BIGINT AS _position");
}
