namespace Pipeline.Ingest.Tests.Captures;

/// <summary>A change of a table's definition gives rows that are there other values, and no change of a row says so: the table begins anew.</summary>
public sealed class CaptureFormSpec
{
    private static readonly (string Table, string Change, bool IsAnew)[] Cases =
    [
        ("constant", "alter table constant add c integer default 5", true),
        ("volatile", "alter table volatile add c integer default (random() * 1000000)::integer", true),
        ("serial", "alter table serial add c serial", true),
        ("identified", "alter table identified add c integer generated always as identity", true),
        ("forgotten", "alter table forgotten add c integer not null default 7; alter table forgotten alter c drop default", true),
        ("of_domain", "create domain seven as integer default 7; alter table of_domain add c seven", true),
        ("of_check", "create domain eight as integer default 8 check (value > 0); alter table of_check add c eight", true),
        ("renamed", "alter table renamed rename val to other", true),
        ("upper", "alter table upper alter val type varchar using upper(val)", true),
        ("same", "alter table same alter val type text using val || '!'", true),
        ("document", "alter table document alter val type jsonb using to_jsonb(val)", true),
        ("computed", "alter table computed alter g drop expression", true),
        ("again", "alter table again add c integer default 1; alter table again add d integer default 2; alter table again alter val type varchar using upper(val)", true),
        ("plain", "alter table plain add c integer", false),
        ("wider", "alter table wider alter val type varchar", false),
        ("vacuumed", "vacuum full vacuumed", false),
        ("emptied", "truncate emptied", false),
        ("shorter", "alter table shorter drop g", false),
    ];

    private static readonly string[] Tables = [.. Cases.Select(one => one.Table)];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rows_that_a_definition_gave_other_values_have_them_in_the_lake(bool isRunning)
    {
        await using var scene = await CaptureScene.StartAsync(string.Concat(Tables.Select(table => $"create table {table} (id bigint primary key, val text, g text generated always as (val || '!') stored); insert into {table} values (1, 'a'), (2, 'b'), (3, 'c');")), Tables);
        await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();
        if (!isRunning) await scene.KillNodeAsync();

        await scene.ExecuteAsync(string.Concat(Tables.Select(table => $"update {table} set val = 'before' where id = 2;")));
        foreach (var (table, change, _) in Cases)
        {
            var isGenerated = table is "upper" or "same" or "document" or "again" or "wider";
            if (isGenerated) await scene.ExecuteAsync($"alter table {table} drop g");
            foreach (var statement in change.Split(';')) await scene.ExecuteAsync(statement);
        }

        await scene.ExecuteAsync("insert into emptied values (4, 'later'); delete from constant where id = 1; update volatile set val = 'after' where id = 3");
        if (!isRunning) await scene.StartNodeAsync();
        await scene.UntilCapturedAsync();

        foreach (var (table, _, isAnew) in Cases)
        {
            // A column that the server computes is not in its log; one that was one is an ordinary column.
            var columns = await scene.ScalarAsync<string>($"select string_agg(quote_ident(attname), ', ') from pg_attribute where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped and attgenerated = ''");
            Assert.Null(await scene.DifferenceAsync(table, columns));
            Assert.Equal((table, isAnew), (table, await scene.EpochOfAsync(table) > 0));
            // What came before is of the epoch that ends, and nothing of it is left out.
            Assert.Contains("before", await scene.ChangesOfAsync(table, "u", "val"));
        }
    }
}
