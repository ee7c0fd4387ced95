using System.Globalization;

namespace Pipeline.Ingest.Tests.Captures;

/// <summary>A table and what happens to it, as a seed decides: rows, definitions, partitions, other tables under its name.</summary>
internal sealed class TableHistory(string name, int seed)
{
    private const int PartitionsMax = 3, KeysOfPartition = 6, KeysBetween = 100;

    private readonly Random _random = new(seed);
    private readonly bool _isPartitioned = seed % 3 == 0;
    private readonly SortedDictionary<int, string> _partitions = [];
    private readonly List<string> _added = [];
    private (string Name, TableState State)? _away;
    private string _key = "";
    private int _made;
    private int _value;

    public string Name => name;

    public string Create() => Create(name);

    /// <summary>The table as it is now, for <see cref="GoBackTo"/>.</summary>
    public TableState Save() => new([.. _partitions], [.. _added], _key) { Away = _away };

    /// <summary>The server has the table as it was.</summary>
    public void GoBackTo(TableState state)
    {
        _partitions.Clear();
        foreach (var (number, partition) in state.Partitions) _partitions.Add(number, partition);
        _added.Clear();
        _added.AddRange(state.Added);
        (_key, _away) = (state.Key, state.Away);
    }

    /// <summary>Some transactions, each made when the one before is done.</summary>
    public IEnumerable<string> Some()
    {
        for (var step = _random.Next(1, 4); step > 0; step--) yield return Next();
    }

    /// <summary>One transaction.</summary>
    public string Next() => _random.Next(24) switch
    {
        0 => $"truncate {name}",
        1 => AddColumn(),
        2 when _added.Count > 0 => DropColumn(),
        3 => $"alter table {name} alter val type {(_random.Next(2) == 0 ? "varchar" : "text")}{(_random.Next(2) == 0 ? " using left(val || 'x', 3000)" : "")}",
        4 => $"alter table {name} replica identity {(_random.Next(2) == 0 ? "full" : "default")}",
        5 => Recreate(),
        6 => Swap(),
        7 when _isPartitioned && _partitions.Count > 1 => Detach(),
        8 when _isPartitioned && _partitions.Count < PartitionsMax => Attach(),
        11 when _isPartitioned => $"truncate {_partitions.ElementAt(_random.Next(_partitions.Count)).Value}",
        9 => $"alter publication {CaptureScene.Publication} drop table {name}",
        10 when !_isPartitioned => $"alter table {name} alter n set default {++_value}; alter table {name} set (fillfactor = {_random.Next(50, 100)}); cluster {name} using {_key}",
        12 => _away is null ? GoAway() : ComeBack(),
        _ => string.Join("; ", Enumerable.Range(0, _random.Next(1, 5)).Select(_ => Change())),
    };

    private string Create(string table)
    {
        _key = $"{name}_{++_made}_key";
        _added.Clear();
        var create = string.Create(CultureInfo.InvariantCulture, $"create table {table} (id bigint, val text, n bigint, constraint {_key} primary key (id)){(_isPartitioned ? " partition by range (id)" : "")}; ");
        var partitions = string.Concat(Enumerable.Range(0, PartitionsMax).Select(partition => $"{PartitionOf(table, partition)}; ").ToList().Where(_ => _isPartitioned));
        // Stored out of line, so that changes of other columns leave it out.
        return $"{create}{partitions}alter table {table} alter val set storage external; {Insert(table)}; {Insert(table)}; {Insert(table)}";
    }

    private string Change() => _random.Next(6) switch
    {
        0 => $"delete from {name} where id = {Key()}",
        1 => $"update {name} set n = {++_value} where id = {Key()}",
        2 when Key() is var from && Key() is var to => $"update {name} set id = {to}{(_random.Next(2) == 0 ? $", val = {Value()}" : "")} where id = {from} and not exists (select from {name} where id = {to})",
        3 => $"update {name} set val = {Value()} where id >= {Key()}",
        4 when _added.Count > 0 => $"update {name} set {_added[_random.Next(_added.Count)]} = {++_value} where id <= {Key()}",
        _ => Insert(name),
    };

    private string Insert(string table) => $"insert into {table} (id, val, n) values ({Key()}, {Value()}, {++_value}) on conflict (id) do update set val = excluded.val";

    private string AddColumn()
    {
        var column = $"c{++_made}";
        _added.Add(column);
        return $"alter table {name} add {column} bigint {_random.Next(3) switch { 0 => $"default {_value}", 1 => "default (random() * 1000)::bigint", _ => "" }}; {Insert(name)}; update {name} set {column} = {++_value} where id = {Key()}";
    }

    private string DropColumn()
    {
        var column = _added[_random.Next(_added.Count)];
        _added.Remove(column);
        return $"{Insert(name)}; alter table {name} drop {column}; {Insert(name)}";
    }

    private string Recreate() => $"drop table {name}; {Create(name)}";

    private string Swap()
    {
        var (old, another) = ($"{name}_old_{++_made}", $"{name}_new_{_made}");
        return $"{Create(another)}; alter table {name} rename to {old}; alter table {another} rename to {name}; update {old} set n = {++_value}";
    }

    /// <summary>Another table has the name for a while.</summary>
    private string GoAway()
    {
        var (before, old, another) = (Save(), $"{name}_away_{++_made}", $"{name}_new_{_made}");
        var swap = $"{Create(another)}; alter table {name} rename to {old}; alter table {another} rename to {name}; update {old} set n = {++_value}";
        _away = (old, before);
        return swap;
    }

    /// <summary>It has been written under its other name, too.</summary>
    private string ComeBack()
    {
        var (away, state) = _away!.Value;
        GoBackTo(state);
        return $"{Insert(away)}; delete from {away} where id = {Key()}; alter table {name} rename to {name}_back_{++_made}; alter table {away} rename to {name}; {Change()}";
    }

    private string Detach()
    {
        var (partition, table) = _partitions.ElementAt(_random.Next(_partitions.Count));
        _partitions.Remove(partition);
        return _random.Next(2) == 0 ? $"alter table {name} detach partition {table}" : $"drop table {table}";
    }

    private string Attach() => PartitionOf(name, Enumerable.Range(0, PartitionsMax).First(candidate => !_partitions.ContainsKey(candidate)));

    private string PartitionOf(string table, int partition)
    {
        _partitions[partition] = $"{name}_p{++_made}";
        return $"create table {_partitions[partition]} partition of {table} for values from ({partition * KeysBetween}) to ({(partition + 1) * KeysBetween})";
    }

    private long Key() => (_partitions.ElementAt(_random.Next(_partitions.Count)).Key * KeysBetween) + _random.Next(KeysOfPartition);

    private string Value() => _random.Next(4) == 0
        ? $"(select string_agg(md5('{++_value}' || i), '') from generate_series(1, 90) i)"
        : $"'v{++_value}'";
}
