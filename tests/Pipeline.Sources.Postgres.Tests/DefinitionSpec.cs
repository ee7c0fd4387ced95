using System.Globalization;
using Pipeline.Core;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>A table's definition changes between what is written and when it is read: rows are what they were when they were written.</summary>
public sealed class DefinitionSpec(PostgresServer server) : PostgresSpec
{
    private const string Items = "create table items (id int primary key, val text, other int)";

    public static TheoryData<string, string> TypesOfText => new()
    {
        { "jsonb", """{"a": 1}""" },
        { "uuid", "11111111-2222-3333-4444-555555555555" },
        { "inet", "10.0.0.0/8" },
        { "text[]", "{a,NULL}" },
        { "numeric", "12345678901234567890.50" },
        { "colour", "red" },
    };

    [Fact]
    public async Task Rows_from_before_a_column_was_renamed_keep_its_value_under_its_name_of_then()
    {
        await using var reading = await StoppedAsync("insert into items values (1, 'a', 1); alter table items rename val to v2; insert into items values (2, 'b', 2); update items set other = 3 where id = 1");

        await reading.TakeAsync(3);

        Assert.Equal(["c id=1 other=1 val=a", "c id=2 other=2 v2=b", "u id=1 other=3 v2=a"], reading.Rows);
    }

    [Fact]
    public async Task Rows_from_before_a_column_was_dropped_keep_its_value_and_later_ones_do_not_carry_it()
    {
        await using var reading = await StoppedAsync("insert into items values (1, 'a', 1); alter table items drop val; update items set other = 2 where id = 1");

        await reading.TakeAsync(2);

        Assert.Equal(["c id=1 other=1 val=a", "u id=1 other=2"], reading.Rows);
    }

    [Fact]
    public async Task A_transaction_that_writes_before_and_after_it_renames_a_column_keeps_both_values()
    {
        await using var reading = await StoppedAsync("begin; insert into items values (1, 'a', 1); alter table items rename val to v2; insert into items values (2, 'b', 2); commit; begin; alter table items rename v2 to v3; insert into items values (3, 'c', 3); commit");

        await reading.TakeAsync(3);

        Assert.Equal(["c id=1 other=1 val=a", "c id=2 other=2 v2=b", "c id=3 other=3 v3=c"], reading.Rows);
    }

    [Fact]
    public async Task A_row_from_before_a_column_was_added_does_not_carry_it()
    {
        await using var reading = await StoppedAsync("insert into items values (1, 'a', 1); alter table items add extra int; insert into items values (2, 'b', 2, 5)");

        await reading.TakeAsync(2);

        Assert.Equal(["c id=1 other=1 val=a", "c extra=5 id=2 other=2 val=b"], reading.Rows);
    }

    /// <summary>The stream begins with the last transaction that was read and describes the table once, for what is passed over as for what follows.</summary>
    [Fact]
    public async Task What_was_described_for_a_row_that_was_read_already_is_asked_for_again_with_the_first_that_was_not()
    {
        await using var reading = await StoppedAsync("insert into items values (1, 'a', 1)");
        await reading.TakeAsync(1);
        await reading.StopAsync("insert into items values (2, 'b', 2); alter table items drop val");

        await reading.TakeAsync(2);

        Assert.Equal(["c id=1 other=1 val=a", "c id=2 other=2 val=b"], reading.Rows);
    }

    [Fact]
    public async Task A_snapshot_carries_the_columns_that_the_table_has_and_no_dropped_one()
    {
        await using var reading = await StoppedAsync("insert into items values (1, 'a', 1); alter table items drop val; insert into items values (2, 2)");
        await reading.TakeAsync(2);

        var rows = await reading.SnapshotAsync();

        Assert.Equal(["r id=1 other=1", "r id=2 other=2"], rows);
    }

    [Theory]
    [MemberData(nameof(TypesOfText))]
    public async Task A_type_changed_while_its_rows_are_read_is_read_as_what_it_is(string type, string value)
    {
        await using var database = await CreateAsync($"{Items}; create type colour as enum ('red')");
        await using var reading = await FollowedReading.StartAsync(database.CaptureOptions("items"), Cancel);
        await database.ExecuteAsync("insert into items values (1, null, 1)", Cancel);
        await reading.TakeAsync(1);

        await database.ExecuteAsync($"alter table items alter val type {type} using val::{type}; insert into items values (2, '{value}', 2)", Cancel);
        await reading.TakeAsync(2);
        await database.ExecuteAsync($"alter table items alter val type text using val::text; insert into items values (3, '{value}', 3)", Cancel);
        await reading.TakeAsync(3);

        Assert.Equal([$"c id=1 other=1 val=-", $"c id=2 other=2 val={InLake(type, value)}", $"c id=3 other=3 val={value}"], reading.Rows);
    }

    [Theory]
    [MemberData(nameof(TypesOfText))]
    public async Task A_type_changed_before_its_rows_are_read_is_read_as_what_it_was(string type, string value)
    {
        await using var reading = await StoppedAsync($"alter table items alter val type {type} using val::{type}; insert into items values (1, '{value}', 1); alter table items alter val type text using val::text; insert into items values (2, 'b', 2)");

        await reading.TakeAsync(2);

        Assert.Equal([$"c id=1 other=1 val={InLake(type, value)}", "c id=2 other=2 val=b"], reading.Rows);
    }

    [Fact]
    public async Task A_value_of_a_type_that_is_gone_is_its_text()
    {
        await using var reading = await StoppedAsync("alter table items alter val type colour using val::colour; insert into items values (1, 'red', 1); alter table items alter val type text using val::text; drop type colour; insert into items values (2, 'b', 2)");

        await reading.TakeAsync(2);

        Assert.Equal(["c id=1 other=1 val=red", "c id=2 other=2 val=b"], reading.Rows);
    }

    private static string InLake(string type, string value) => type == "text[]" ? """["a",null]""" : value;

    /// <summary>A capture that was there when the changes were made, and reads them afterwards.</summary>
    private async Task<FollowedReading> StoppedAsync(string changes)
    {
        var database = await CreateAsync($"{Items}; create type colour as enum ('red')");
        var options = database.CaptureOptions("items");
        await using (var source = TestDatabase.Open(options)) await source.ListSplitsAsync("items", Cancel);
        await database.ExecuteAsync(changes, Cancel);
        return await FollowedReading.StartAsync(options, Cancel, database);
    }

    private async ValueTask<TestDatabase> CreateAsync(string sql)
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync(sql, Cancel);
        return database;
    }

    /// <summary>A reading that describes its tables again whenever it is told that they changed, and reads on.</summary>
    private sealed class FollowedReading : IAsyncDisposable
    {
        private readonly PostgresSource _source;
        private readonly SplitId _slot;
        private readonly TestDatabase? _database;
        private readonly CancellationToken _cancel;
        private readonly List<string> _rows = [];
        private readonly List<string> _pending = [];
        private long? _position;
        private SplitMarks _marks;
        private IAsyncEnumerator<Chunk>? _chunks;

        private FollowedReading(PostgresSource source, SplitId slot, TestDatabase? database, CancellationToken cancellationToken) => (_source, _slot, _database, _cancel) = (source, slot, database, cancellationToken);

        /// <summary>Operation, and the columns that a row carries, by their names.</summary>
        public IReadOnlyList<string> Rows => _rows;

        public static async Task<FollowedReading> StartAsync(PostgresSourceOptions options, CancellationToken cancellationToken, TestDatabase? database = null)
        {
            var source = TestDatabase.Open(options);
            return new FollowedReading(source, (await source.ListSplitsAsync("items", cancellationToken))[0].Id, database, cancellationToken);
        }

        public async Task TakeAsync(int rows)
        {
            while (_rows.Count < rows)
            {
                try
                {
                    if (_chunks is null)
                    {
                        await _source.DescribeAsync("items", _cancel);
                        _chunks = _source.ReadAsync([new SplitPosition(_slot, _position) { Marks = _marks }], _cancel).GetAsyncEnumerator(_cancel);
                    }

                    Assert.True(await _chunks.MoveNextAsync());
                    using var chunk = _chunks.Current;
                    _pending.AddRange(TextOf(chunk));
                    if (!chunk.Range.IsAdvancing) continue;
                    _rows.AddRange(_pending);
                    _pending.Clear();
                    (_position, _marks) = (chunk.Range.To, chunk.Marks);
                }
                catch (PipelineException e) when (e.IsTransient)
                {
                    _pending.Clear();
                    await _chunks!.DisposeAsync();
                    _chunks = null;
                }
            }
        }

        /// <summary>Reads no more, and has something happen.</summary>
        public async Task StopAsync(string sql)
        {
            await _chunks!.DisposeAsync();
            _chunks = null;
            await _database!.UntilSlotsAreLeftAsync(_cancel);
            await _database.ExecuteAsync(sql, _cancel);
        }

        /// <summary>What a snapshot that begins now has.</summary>
        public async Task<IReadOnlyList<string>> SnapshotAsync()
        {
            var oid = await _database!.ScalarAsync<uint>("select 'items'::regclass::oid", _cancel);
            var split = new SplitId(_source.Name, string.Create(CultureInfo.InvariantCulture, $"snapshot/items/{oid}"));
            var rows = new List<string>();
            await foreach (var chunk in _source.ReadAsync([new SplitPosition(split, null)], _cancel))
            {
                using (chunk)
                {
                    rows.AddRange(TextOf(chunk));
                    if (chunk.Range.To == long.MaxValue) break;
                }
            }

            return rows;
        }

        public async ValueTask DisposeAsync()
        {
            if (_chunks is not null) await _chunks.DisposeAsync();
            await _source.DisposeAsync();
            if (_database is not null) await _database.DisposeAsync();
        }

        private static IEnumerable<string> TextOf(Chunk chunk)
        {
            if (chunk.Rows is not { } rows) yield break;
            for (var row = 0; row < rows.Length; row++)
            {
                string? Text(string column) => ArrowText.Of(rows.Column(column), row);
                var carried = Text("_changed")?.Split(',');
                var columns = rows.Schema.FieldsList.Select(field => field.Name).Where(name => name[0] != '_' && carried?.Contains(name) != false).Order(StringComparer.Ordinal);
                yield return $"{Text(BronzeColumns.Op)} {string.Join(' ', columns.Select(column => $"{column}={Text(column) ?? "-"}"))}";
            }
        }
    }
}
