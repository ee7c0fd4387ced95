using Apache.Arrow;
using Pipeline.Testing;
using Pipeline.Transform.Exports;
using Pipeline.Transform.Graph;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Tests.Exports;

/// <summary>
/// A small lake with all that runs do: rows that are set aside, that wait for a parent, on which a rule fails, that are deleted and
/// truncated; a Gold table that is made anew and one that is merged.
/// </summary>
public sealed class ExportScene : IAsyncLifetime
{
    private const string Contracts = """
        teams { from = bronze/app/teams, columns { team_id { type = long } }, key = [team_id] }
        users {
          from = bronze/app/users
          columns { user_id { type = long }, team_id { type = long }, text { type = string }, filename { type = string, from = text }, amount { type = "decimal(12,2)" } }
          key = [user_id]
          rules = [ { name = sane, check = "CAST(text AS INTEGER) > 0" }, { name = cheap, check = "amount < 1000" } ]
          references = [ { column = team_id, table = silver/teams } ]
        }
        """;

    private const string Gold = """
        per_team { sql = "per_team.sql" }
        active { sql = "active.sql", materialization = merge, key = [user_id] }
        """;

    private const string Active = "SELECT user_id, team_id, amount FROM silver.users";

    private static readonly IReadOnlyList<Field> Teams = TestLake.BronzeColumns("team_id long");
    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long", "team_id long", "text string", "amount decimal(12,2)", "_changed string", "_sequence long");

    private readonly ScratchDirectory _directory = new("export-");

    internal TestLake Lake { get; } = new(GraphOf());

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <param name="before">Words of the contracts, in place of which others stand now.</param>
    internal static TransformGraph GraphOf(string active = Active, string before = "key", string now = "key") => TestGraph.Of(Contracts.Replace(before, now, StringComparison.Ordinal), Gold,
        ("per_team.sql", "SELECT team_id, COUNT(*) AS users, CAST(SUM(amount) AS DECIMAL(18,2)) AS amount FROM silver.users GROUP BY team_id -- by team"), ("active.sql", active));

    public string PathOf(string name) => Path.Combine(_directory, name);

    /// <summary>Three rounds of rows, with what runs after each.</summary>
    public async Task FillAsync(Func<Task> run)
    {
        await Lake.AppendAsync("bronze/app/teams", Teams, "SELECT 1 AS team_id, 'r' AS _op, 0 AS _position");
        await AppendUsersAsync("i, 1 + i % 2, CASE WHEN i = 7 THEN 'none' WHEN i = 8 THEN '-1' ELSE '1' END, i * 100.5, NULL, 0, 'r', i FROM range(12) AS r(i)");
        await run();
        await Lake.AppendAsync("bronze/app/teams", Teams, "SELECT 2 AS team_id, 'r' AS _op, 1 AS _position");
        await AppendUsersAsync("i, NULL, NULL, NULL, NULL, 0, 'd', 20 + i FROM range(2) AS r(i)", "4, 1, '2', NULL, 'user_id,team_id,text', 0, 'u', 30");
        await run();
        await AppendUsersAsync("NULL, NULL, NULL, NULL, NULL, 0, 't', 40", "20, 2, '3', 7, NULL, 1, 'c', 41", "21, 3, '3', 8, NULL, 2, 'c', 41");
        await run();
    }

    /// <summary>Exports every table to a folder of this name, which is made.</summary>
    internal async Task<IReadOnlyList<ExportedTable>> ExportAsync(string folder, TransformGraph? graph = null)
    {
        graph ??= Lake.Graph;
        using var export = new JobExport(new OpenTables(Lake.Lake), graph, Lake.Options, Lake.Time, PathOf(folder), Cancel);
        var exported = new List<ExportedTable>();
        foreach (var table in graph.Tables) exported.Add(await export.AddAsync(table));
        await export.CompleteAsync();
        return exported;
    }

    public async ValueTask InitializeAsync() => await FillAsync(Lake.RunAllAsync);

    public ValueTask DisposeAsync()
    {
        Lake.Dispose();
        _directory.Dispose();
        return ValueTask.CompletedTask;
    }

    private Task AppendUsersAsync(params string[] rows) => Lake.AppendAsync("bronze/app/users", Users, $"""
        SELECT CAST(user_id AS BIGINT) AS user_id, team_id, text, amount, _changed, _sequence, _op, _position
        FROM ({string.Join(" UNION ALL ", rows.Select(row => $"SELECT {row}"))}) AS r(user_id, team_id, text, amount, _changed, _sequence, _op, _position)
        """);
}
