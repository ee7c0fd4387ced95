using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>A timestamp watermark with an index: windows in order, committed in pieces.</summary>
public sealed class TimestampWatermarkContract(PostgresServer server) : SourceContract
{
    protected override async ValueTask<SourceFixture> StartAsync(CancellationToken cancellationToken) =>
        await WatermarkFixture.StartAsync(server, "updated_at", isIndexed: true, cancellationToken);
}

/// <summary>Without an index a window is whole or nothing.</summary>
public sealed class UnindexedWatermarkContract(PostgresServer server) : SourceContract
{
    protected override async ValueTask<SourceFixture> StartAsync(CancellationToken cancellationToken) =>
        await WatermarkFixture.StartAsync(server, "updated_at", isIndexed: false, cancellationToken);
}

public sealed class IntegerWatermarkContract(PostgresServer server) : SourceContract
{
    protected override async ValueTask<SourceFixture> StartAsync(CancellationToken cancellationToken) =>
        await WatermarkFixture.StartAsync(server, "id", isIndexed: true, cancellationToken);
}

internal sealed class WatermarkFixture : SourceFixture
{
    private readonly PostgresServer _server;
    private readonly TestDatabase _database;
    private readonly string _watermark;

    private readonly string _create;
    private string _columns = "number, payload";
    private string _values = "n, repeat('x', 40)";

    private WatermarkFixture(PostgresServer server, TestDatabase database, string watermark, string create)
    {
        _create = create;
        _server = server;
        _database = database;
        _watermark = watermark;
    }

    public override string Table => "items";

    public override string? Secret => _server.Scratch.Password;

    public static async ValueTask<SourceFixture> StartAsync(PostgresServer server, string watermark, bool isIndexed, CancellationToken cancellationToken)
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, cancellationToken);
        var create = $"create table items (id bigserial not null, number bigint not null, payload text, updated_at timestamptz not null default clock_timestamp());{(isIndexed ? $"create index on items ({watermark})" : "")}";
        await database.ExecuteAsync($"create sequence numbers minvalue 0; {create}", cancellationToken);
        return new WatermarkFixture(server, database, watermark, create);
    }

    public override ISource Open() => TestDatabase.Open(_database.Options(TestDatabase.Table(Table, _watermark)) with { Name = _database.Name });

    public override ISource OpenAlone() => Open();

    public override ISource OpenBroken() =>
        TestDatabase.Open(_database.Options(TestDatabase.Table(Table, _watermark)).Secured(security => security with { Password = new Secret(_server.Scratch.Password + "!") }));

    public override ISource OpenWithMissingTable() => TestDatabase.Open(_database.Options(TestDatabase.Table("no_such_table", _watermark)));

    public override ValueTask AppendAsync(int count, CancellationToken cancellationToken) =>
        _database.ExecuteAsync($"insert into items ({_columns}) select {_values} from (select nextval('numbers') as n from generate_series(1, {count})) numbered", cancellationToken);

    public override ValueTask ReplaceAsync(CancellationToken cancellationToken) => _database.ExecuteAsync($"drop table items; {_create}", cancellationToken);

    public override async ValueTask<bool> SwapAsync(CancellationToken cancellationToken)
    {
        await _database.ExecuteAsync("create table if not exists items_other (like items including all); alter table items rename to items_between; alter table items_other rename to items; alter table items_between rename to items_other", cancellationToken);
        return true;
    }

    public override async ValueTask<bool> AddColumnAsync(string name, CancellationToken cancellationToken)
    {
        await _database.ExecuteAsync($"alter table items add column {name} text", cancellationToken);
        (_columns, _values) = ($"{_columns}, {name}", $"{_values}, n::text");
        return true;
    }

    public override async ValueTask<IReadOnlyList<string>> StateAsync(CancellationToken cancellationToken) => [await _database.CatalogAsync(cancellationToken)];

    public override long NumberOf(RecordBatch rows, int row) => ((Int64Array)rows.Column("number")).GetValue(row)!.Value;

    public override ValueTask DisposeAsync() => _database.DisposeAsync();
}
