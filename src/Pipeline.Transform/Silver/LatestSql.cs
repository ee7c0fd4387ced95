using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Transform.Contracts;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Silver;

/// <summary>
/// The query that decides among the rows of one key: the latest wins, a delete deletes, columns that a change does not
/// carry keep their value. Rows that a truncate has removed take no part.
/// </summary>
/// <remarks>
/// The engine provides <c>checked</c>, the result of <see cref="SilverSql.Checked"/>; <c>existing</c> and
/// <c>tombstones</c>, the rows of the table and of its deletes that share a key with it; <c>existing</c> without those that
/// come before a truncate in <c>checked</c>.
/// Among rows the order is total and does not depend on how they were spread over runs: <see cref="RowOrder"/>, then the values themselves.
/// A delete that a contract's order does not place takes what came before it at the source: of rows that come to the lake before such a
/// delete, and after it at the source, only the newest is known.
/// Rows that tie in all of it are the same row twice. What a change does not carry is not taken from an earlier epoch, whose row is
/// another's. A row of the table whose columns are not all known, because the change that made it left them out, is
/// filled from an older row that comes later, as those of a snapshot do beside the stream.
/// </remarks>
/// <param name="hasSnapshot">As of <see cref="SilverSql"/>.</param>
public sealed class LatestSql(SilverContract contract, Schema bronze, SqlDialect dialect, bool hasSnapshot = false)
{
    private readonly IReadOnlyList<Field> _fields = SilverTables.Columns(contract, bronze);
    private readonly RowOrder _order = new(contract, bronze, dialect);
    private readonly BronzeShape _shape = BronzeShape.Of(bronze);
    private readonly CarriedSql _carried = new(contract, bronze, dialect);

    private string Key => dialect.Names(contract.Key);

    private IEnumerable<string> Values => contract.Columns.Select(c => c.Name).Except(contract.Key, StringComparer.Ordinal);

    /// <summary>
    /// One row a key: the Silver columns, <c>_op</c> (<c>d</c>: the key is gone) and <c>_existing</c> (nothing newer came).
    /// </summary>
    public string Query
    {
        get
        {
            var columns = dialect.Names(_fields.Select(f => f.Name));
            return $"""
                WITH candidates AS (
                  SELECT {columns}, _op, false AS _existing FROM checked WHERE _rules = ''{(_shape.Changed is not null ? " AND _op <> 't'" : "")}{(_shape.Changed is not null || hasSnapshot ? " AND NOT _truncated" : "")}
                  UNION ALL
                  SELECT {columns}, 'r', true FROM existing
                  UNION ALL
                  SELECT {columns}, 'd', true FROM tombstones
                ){(_order.HasGiven ? _order.Placed("candidates", Key, _carried.Of) : "")}{(_shape.Changed is { } changed ? WithCarried(columns, changed) : WithoutCarried(columns))}
                """;
        }
    }

    private string WithoutCarried(string columns) => $"""

        SELECT {columns}, _op, _existing
        FROM (SELECT *, row_number() OVER (PARTITION BY {Key} ORDER BY {Order("DESC NULLS LAST")}) AS _rank FROM {Rows}) AS ranked
        WHERE _rank = 1
        """;

    private string WithCarried(string columns, string changed)
    {
        var carried = Values.Select((name, i) =>
            $"max(CASE WHEN _n > _gone AND {_carried.Of(name)} THEN _n END) OVER (PARTITION BY {Key}) AS _from_{i}");
        var filled = Values.Select((name, i) => $"max(CASE WHEN _n = _from_{i} THEN {dialect.Name(name)} END) OVER (PARTITION BY {Key}) AS {dialect.Name(name)}");
        var known = Values.Select((name, i) => (From: _carried.Mark(name), Source: $"_from_{i}")).ToList();
        var missing = string.Join(" OR ", known.Select(column => $"{column.Source} IS NULL"));
        // Where all columns are of the key, every change carries them.
        var list = known.Count == 0 ? "CASE WHEN false THEN '' END"
            : $"CASE WHEN _op <> 'd' AND ({missing}) THEN concat_ws(','{string.Concat(known.Select(column => $", CASE WHEN {column.Source} IS NOT NULL THEN {dialect.Text(column.From)} END"))}) END";
        var rest = _fields.Select(field => field.Name).Except([.. Values, changed], StringComparer.Ordinal);
        var (newest, isOther) = _order.Epoch is null ? ("", "") : ($", max({_order.EpochOf("")}) OVER (PARTITION BY {Key}) AS _newest", $" OR {_order.EpochOf("")} < _newest");
        return $"""
            ,
            numbered AS (
              SELECT *, row_number() OVER (PARTITION BY {Key} ORDER BY {Order("ASC NULLS FIRST")}) AS _n, count(*) OVER (PARTITION BY {Key}) AS _last{newest} FROM {Rows}
            ),
            cut AS (
              SELECT *, max(CASE WHEN _op = 'd'{isOther} THEN _n ELSE 0 END) OVER (PARTITION BY {Key}) AS _gone FROM numbered
            ),
            carried AS (
              SELECT {string.Join(",\n    ", ["*", .. carried])}
              FROM cut
            ),
            filled AS (
              SELECT {string.Join(",\n    ", [dialect.Names(rest), "_op, _existing, _n, _last", $"{changed} AS _before", $"{list} AS {changed}", .. filled])}
              FROM carried
            )
            SELECT {columns}, _op, _existing AND _before IS NOT DISTINCT FROM {changed} AS _existing
            FROM filled
            WHERE _n = _last
            """;
    }

    private string Rows => _order.HasGiven ? "placed" : "candidates";

    private string Order(string direction)
    {
        // Where records are numbered, split and number already name one.
        var values = _shape.Numbering is not null ? [] : Values.Except(contract.OrderBy, StringComparer.Ordinal);
        return string.Join(", ", [.. _order.Terms(direction), .. values.Select(name => $"{dialect.Name(name)} {direction}"), $"_existing {direction}"]);
    }
}
