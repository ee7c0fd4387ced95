using Apache.Arrow;

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

    private Task<long> AppendAsync(int id, string name) =>
        _lake.AppendAsync("bronze/app/users", Users, $"SELECT {id}::BIGINT AS user_id, '{name}' AS name, 'Bern' AS city, 'c' AS _op, {id}::BIGINT AS _position");
}
