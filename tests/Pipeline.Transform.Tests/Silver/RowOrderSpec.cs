using System.Globalization;
using Apache.Arrow;
using CsCheck;
using Pipeline.DuckDb;
using Pipeline.Testing;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Silver;

namespace Pipeline.Transform.Tests.Silver;

/// <summary>Of two rows of one key the same one is the newer, wherever they stand, and newer than newer is newer.</summary>
public sealed class RowOrderSpec : IDisposable
{
    private readonly ScratchDirectory _scratch = new("order-");

    private const string Plain = "users { from = bronze/app/users, columns { pair { type = long }, v { type = long } }, key = [pair] }";
    private const string Ordered = "users { from = bronze/app/users, columns { pair { type = long }, v { type = long } }, key = [pair], order-by = [v] }";

    /// <summary>As sources and Ingest declare them.</summary>
    internal static readonly string[] Roles =
    [
        "_epoch Epoch", "_reading Reading", "_order_time OrderTime", "_timestamp Identifies RecordTime", "_partition Identifies Orders Split", "_offset Orders Number",
        "_sequence Orders Sequence PlacedInLog", "_changed Changed",
    ];

    private static readonly Gen<string> Small = Gen.Int[0, 2].Select(i => i == 2 ? "NULL" : i.ToString(CultureInfo.InvariantCulture));

    private static readonly Gen<string> Moment = Gen.Int[0, 2].Select(i => i == 2 ? "NULL" : $"TIMESTAMPTZ '2026-01-01 00:00:0{i}+00'");

    [Theory]
    [InlineData(Plain, "_epoch int", "_sequence long", "_changed string")]
    [InlineData(Ordered, "_epoch int", "_sequence long", "_changed string")]
    [InlineData(Ordered, "_sequence long", "_changed string")]
    [InlineData(Plain, "_epoch int")]
    [InlineData(Plain, "_epoch int", "_order_time timestamp", "_partition int", "_offset long", "_timestamp timestamp")]
    [InlineData(Ordered, "_epoch int", "_partition int", "_offset long", "_timestamp timestamp")]
    [InlineData(Plain, "_partition int", "_offset long")]
    [InlineData(Plain, "_epoch int", "_reading int", "_partition int", "_offset long")]
    [InlineData(Ordered, "_reading int", "_partition int", "_offset long", "_timestamp timestamp")]
    [InlineData(Ordered, "_reading int", "_sequence long", "_changed string")]
    public void Is_total_wherever_rows_stand(string contracts, params string[] columns)
    {
        var bronze = new Schema(TestLake.Declared(TestLake.BronzeColumns(["pair long", "v long", .. columns]), Roles), null);
        var contract = TestGraph.Of(contracts).Silver[0];
        var fields = SilverTables.Columns(contract, bronze);
        var query = new LatestSql(contract, bronze, SqlDialect.DuckDb).Query;
        var genRow = Gen.Select(Small, Small, Gen.Int[0, 2], Gen.Int[0, 3].Select(i => i == 0 ? "d" : "c"), Moment).SelectMany(one => Small.Array[4].Select(more => new Row(one.Item1, one.Item2, one.Item3, one.Item4, one.Item5, more)));

        genRow.Array[8].Sample(rows => Check(rows, contract, fields, query), iter: 8, threads: 1);
    }

    private void Check(Row[] rows, SilverContract contract, IReadOnlyList<Field> fields, string query)
    {
        var ids = Enumerable.Range(0, rows.Length).ToList();
        // Each pair three times: both new, one of them in the table or among its deletes.
        var pairs = ids.SelectMany(a => ids.Where(b => b > a).SelectMany(b => new[] { (a, b, 0), (a, b, 1), (a, b, 2) })).ToList();
        var (checkedRows, existing, tombstones) = (new List<string>(), new List<string>(), new List<string>());
        foreach (var (pair, key) in pairs.Select((pair, key) => (pair, key)))
        {
            var old = pair.Item3 switch { 1 => pair.a, 2 => pair.b, _ => -1 };
            foreach (var id in new[] { pair.a, pair.b })
            {
                var values = string.Join(", ", fields.Select(field => $"CAST({rows[id].Value(field.Name, key, id)} AS {Sql.Type(field.DataType)})"));
                if (id != old) checkedRows.Add($"({values}, '{rows[id].Op}', '', false)");
                else (rows[id].Op == "d" ? tombstones : existing).Add($"({values})");
            }
        }

        using var session = DuckDbSession.Open(new DuckDbSettings(256L << 20, 1, _scratch), TestContext.Current.CancellationToken);
        var names = string.Join(", ", fields.Select(field => Sql.Name(field.Name)));
        session.Execute($"CREATE TEMP TABLE checked AS SELECT * FROM (VALUES {string.Join(", ", checkedRows)}) AS v({names}, _op, _rules, _truncated)");
        session.Execute($"CREATE TEMP TABLE existing AS {Relation(existing, names, fields)}");
        session.Execute($"CREATE TEMP TABLE tombstones AS {Relation(tombstones, names, fields)}");

        var winners = session.Rows($"SELECT pair, epoch_us(_ingested_at) FROM ({query})").ToDictionary(row => (int)(long)row[0]!, row => (int)(long)row[1]!);

        Assert.Equal(pairs.Count, winners.Count);
        var newer = new bool[rows.Length, rows.Length];
        foreach (var (pair, key) in pairs.Select((pair, key) => (pair, key)).Where(one => !rows[one.pair.a].Ties(rows[one.pair.b], fields)))
        {
            var (winner, loser) = winners[key] == pair.a ? (pair.a, pair.b) : (pair.b, pair.a);
            Assert.Equal(winner, winners[key]);
            Assert.False(newer[loser, winner], $"{rows[winner]} and {rows[loser]}: which is newer depends on where they stand");
            newer[winner, loser] = true;
        }

        // A delete that the contract's order does not place takes what came before it, and a change that leaves it out is as new as what
        // stands: that is of all rows of a key together, not of two of them. SilverOrderSpec has it.
        if (contract.OrderBy.Contains("v")) ids = [.. ids.Where(id => rows[id].Op != "d" && fields.All(field => field.Name != "_changed"))];
        foreach (var a in ids)
            foreach (var b in ids.Where(b => newer[a, b]))
                foreach (var c in ids.Where(c => newer[b, c]))
                    Assert.False(newer[c, a], $"{rows[a]} is newer than {rows[b]}, that than {rows[c]}, and that than the first");
    }

    public void Dispose() => _scratch.Dispose();

    private static string Relation(List<string> rows, string names, IEnumerable<Field> fields) =>
        rows.Count == 0 ? Sql.Empty(fields) : $"SELECT * FROM (VALUES {string.Join(", ", rows)}) AS v({names})";

    private sealed record Row(string Epoch, string V, int Position, string Op, string Time, string[] More)
    {
        public string Value(string column, int key, int id) => column switch
        {
            "pair" => key.ToString(CultureInfo.InvariantCulture),
            "v" => V,
            "_epoch" => Epoch,
            "_position" => Position.ToString(CultureInfo.InvariantCulture),
            "_order_time" => Time,
            "_sequence" => More[0],
            "_partition" => More[1],
            "_offset" => More[2],
            "_reading" => More[3],
            "_ingested_at" => $"make_timestamptz({id})",
            _ => "NULL",
        };

        /// <summary>They are one row twice, where records are numbered by their numbers; null is epoch 0.</summary>
        public bool Ties(Row other, IReadOnlyList<Field> fields) =>
            fields.Where(field => field.Name != "_ingested_at" && (field.Name is "_epoch" or "_reading" or "_partition" or "_offset" || !fields.Any(one => one.Name == "_offset"))).All(field => Known(field.Name) == other.Known(field.Name));

        private string Known(string column) => Value(column, 0, 0) is var value && column == "_epoch" && value == "NULL" ? "0" : Value(column, 0, 0);
    }
}
