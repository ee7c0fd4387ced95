using Pipeline.Core;
using Pipeline.Node.Composition;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Options;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

public sealed class SelectedTablesSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("selected-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_Silver_table_comes_with_its_input_and_a_captured_one_with_all_that_its_slot_feeds()
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "ids.sql"), "SELECT id FROM silver.lines", TestContext.Current.CancellationToken);
        var config = await RunningNode.ConfigureAsync(_directory, """
            shop { type = postgres, host = "127.0.0.1", database = shop, mode = cdc, security { username = u, password = p, ca-file = "/ca" }, tables { orders { table = "public.orders", key = [id] }, lines { table = "public.lines", key = [id] } } }
            app { type = kafka, bootstrap = "127.0.0.1:1", tables { clicks { topic = clicks }, users { topic = users } } }
            """, """
            silver {
                    orders { from = bronze/shop/orders, columns { id { type = long } }, key = [id] }
                    lines { from = bronze/shop/lines, columns { id { type = long }, order_id { type = long } }, key = [id], references = [{ name = order, column = order_id, table = silver/orders, to = id }] }
                    users { from = bronze/app/users, format = json, columns { id { type = long } }, key = [id] }
                  }
                  gold { ids { sql = "ids.sql", materialization = full } }
            """);
        var options = PipelineOptions.Load(config, SourceKinds.All, lakeLocation: null, _ => null);

        Assert.Equal(("bronze/shop/lines silver/lines", "bronze/shop/lines bronze/shop/orders silver/lines"), Of("lines"));
        Assert.Equal(("bronze/app/users silver/users", "bronze/app/users silver/users"), Of("users"));
        Assert.Equal(("gold/ids", "gold/ids"), Of("ids"));
        Assert.Equal(("bronze/shop/orders bronze/shop/lines silver/orders silver/lines gold/ids", "bronze/shop/lines bronze/shop/orders gold/ids silver/lines silver/orders"), Of("+ids"));
        Assert.Equal(options.BronzeTables.Count + 4, SelectedTables.Of(options, []).Wanted.Count);

        (string Wanted, string Run) Of(string selector)
        {
            var selected = SelectedTables.Of(options, [selector]);
            return (string.Join(' ', selected.Wanted), string.Join(' ', selected.Run.OrderBy(table => table, TableId.ByName)));
        }
    }
}
