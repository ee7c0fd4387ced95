using Npgsql;

namespace Pipeline.Faults.Tests;

/// <summary>
/// Connections that insert, update, delete and move rows, one to five in a transaction, of several tables; some
/// transactions are rolled back. They outlive the server's restarts, and find out afterwards what became of a commit whose
/// answer was lost.
/// </summary>
internal sealed class PostgresWriters : IAsyncDisposable
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(25);

    private readonly NpgsqlDataSource _database;
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<string, LiveKeys> _live;
    private readonly Task _writing;

    /// <param name="rows">Each table has rows <c>1 … rows</c> when writing begins.</param>
    public PostgresWriters(NpgsqlDataSource database, int writers, int rows)
    {
        _database = database;
        _live = PostgresTable.All.ToDictionary(table => table.Name, _ => new LiveKeys(rows), StringComparer.Ordinal);
        _writing = Task.WhenAll(Enumerable.Range(1, writers).Select(writer => Task.Run(() => WriteAsync(writer))));
    }

    public WritersBook Book { get; } = new();

    /// <summary>Ends when every writer knows what became of its last transaction.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _writing;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task WriteAsync(int writer)
    {
        var random = new Random(writer);
        using var pace = new PeriodicTimer(Pace);
        for (var number = 1; !_stop.IsCancellationRequested; number++)
        {
            await TransactAsync(random, writer * 1_000_000L + number);
            await pace.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    private async Task TransactAsync(Random random, long transaction)
    {
        var changes = new List<BookedChange>();
        var (isCommitting, isCommitted) = (false, false);
        try
        {
            await using var connection = await _database.OpenConnectionAsync();
            await using var scope = await connection.BeginTransactionAsync();
            await RowAsync(connection, $"insert into transactions values ({transaction})");
            for (var left = random.Next(1, 6); left > 0; left--)
                changes.AddRange(await ChangeAsync(connection, PostgresTable.All[random.Next(PostgresTable.All.Count)], random, transaction));
            if (random.Next(7) > 0)
            {
                isCommitting = true;
                await scope.CommitAsync();
                isCommitted = true;
            }
        }
        catch (NpgsqlException) when (isCommitting)
        {
            // The answer is lost; the server knows.
            isCommitted = await WasCommittedAsync(transaction);
        }
        catch (NpgsqlException)
        {
            // A deadlock, or the server is away: nothing of it was committed.
        }

        if (!isCommitted)
        {
            Book.RollBack(transaction);
            return;
        }

        Book.Commit(changes);
        foreach (var change in changes)
            if (change.Op == 'd') _live[change.Table].Remove(change.Id);
            else if (change.Op == 'c') _live[change.Table].Add(change.Id);
    }

    private async Task<IReadOnlyList<BookedChange>> ChangeAsync(NpgsqlConnection connection, PostgresTable table, Random random, long transaction)
    {
        var name = table.Name;
        var id = _live[name].Pick(random);
        var body = $"repeat(md5(random()::text), {table.BodyLength / 32})";
        switch (random.Next(10))
        {
            case < 3:
                var made = await RowAsync(connection, $"insert into {name} select nextval('keys'), 1, {transaction}, random() * 1000, {body}, jsonb_build_object('n', {transaction}), clock_timestamp() returning id");
                return [new BookedChange(name, (long)made![0], 'c', 1, transaction)];
            case < 7:
                var also = random.Next(3) == 0 ? $", body = {body}" : random.Next(3) == 0 ? ", body = null" : "";
                var updated = await RowAsync(connection, $"update {name} set version = version + 1, tx = {transaction}, amount = -amount{also}, changed = clock_timestamp() where id = {id} returning version");
                return updated is null ? [] : [new BookedChange(name, id, 'u', (int)updated[0], transaction)];
            case 7:
                // The stream does not carry a value that is stored out of line to another key unless the move writes it.
                var withBody = table == PostgresTable.Documents ? $", body = {body}" : "";
                var moved = await RowAsync(connection, $"update {name} set id = nextval('keys'), version = version + 1, tx = {transaction}{withBody} where id = {id} returning id, version");
                return moved is null ? [] : [new BookedChange(name, id, 'd', null, transaction), new BookedChange(name, (long)moved[0], 'c', (int)moved[1], transaction)];
            default:
                var deleted = await RowAsync(connection, $"delete from {name} where id = {id} returning id");
                return deleted is null ? [] : [new BookedChange(name, id, 'd', null, transaction)];
        }
    }

    /// <summary>
    /// To be asked when the server is back: then no transaction of before is under way. Its own number says nothing, for one
    /// that was lost in a crash is given out again.
    /// </summary>
    private async Task<bool> WasCommittedAsync(long transaction)
    {
        while (true)
        {
            try
            {
                await using var connection = await _database.OpenConnectionAsync();
                return await RowAsync(connection, $"select tx from transactions where tx = {transaction}") is not null;
            }
            catch (NpgsqlException)
            {
                await Task.Delay(Pace);
            }
        }
    }

    private static async Task<object[]?> RowAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        if (!await reader.ReadAsync()) return null;
        var row = new object[reader.FieldCount];
        reader.GetValues(row);
        return row;
    }

    /// <summary>Keys that a table probably has: another writer, or a truncate, may have removed one.</summary>
    private sealed class LiveKeys(int rows)
    {
        private readonly List<long> _keys = [.. Enumerable.Range(1, rows).Select(key => (long)key)];

        public long Pick(Random random)
        {
            // Few keys are hot, so that writers meet.
            lock (_keys) return _keys.Count == 0 ? 0 : _keys[random.Next(2) == 0 ? random.Next(Math.Min(_keys.Count, 20)) : random.Next(_keys.Count)];
        }

        public void Add(long key)
        {
            lock (_keys) _keys.Add(key);
        }

        public void Remove(long key)
        {
            lock (_keys) _keys.Remove(key);
        }
    }
}
