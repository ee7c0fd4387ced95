using System.Globalization;
using Pipeline.Core;
using Pipeline.Demo.Driver;

namespace Pipeline.Faults.Tests;

/// <summary>
/// Wide rows of three tables of two sources of the demo, which all wait in quarantine for parents that come later: first those
/// of the even half, while everything else is being read, and then those of the odd one.
/// </summary>
/// <param name="rows">Of each table.</param>
internal sealed class WaitingRows(DemoSources sources, int rows)
{
    /// <summary>Users as well as orders: each is waited for by as many rows of each table as any other.</summary>
    private const int Parents = 20;

    /// <summary>The generator's own keys end far below.</summary>
    private const long FirstKey = 8_000_000_000;

    private const int TextBytes = 2_048;

    private static readonly TableId[] Tables = [TableId.Bronze(DemoSources.App, "user_sessions"), TableId.Bronze(DemoSources.App, "subscriptions"), TableId.Bronze(DemoSources.Crm, "financial_transactions")];

    private volatile int _parents;

    /// <summary>Rows of a table, of any layer but quarantine, beside the generator's, once nothing waits for a parent that was sent.</summary>
    public long RowsOf(TableId table) => table.Name switch
    {
        "user_sessions" or "subscriptions" or "financial_transactions" => rows,
        "users" or "customer_orders" => _parents,
        "dim_users" or "dim_customers" => _parents,
        _ => 0,
    };

    /// <summary>The quarantines in which the rows wait.</summary>
    public static IEnumerable<TableId> Quarantines => Tables.Select(table => TableId.Quarantine(table.Name));

    public long WaitingOfEach => rows;

    /// <summary>Before the generator's first row, so that they are the first that are read.</summary>
    public async Task SendAsync(CancellationToken cancellationToken)
    {
        // The application's database checks this one itself.
        await PostgresAsync("ALTER TABLE public.subscriptions DROP CONSTRAINT subscriptions_user_id_fkey", cancellationToken);
        await PostgresAsync(Sql($"""
            INSERT INTO public.user_sessions (session_id, user_id, started_at, device, page_views, converted, context)
            SELECT md5('waiting' || n)::uuid, {FirstKey} + n % {Parents}, now(), 'phone', 1, false, jsonb_build_object('text', repeat(md5(n::text), {TextBytes / 32})) FROM generate_series(1, {rows}) AS n;
            INSERT INTO public.subscriptions (subscription_id, user_id, plan, status, monthly_price, currency, started_at, auto_renew)
            SELECT {FirstKey} + n, {FirstKey} + n % {Parents}, repeat(md5(n::text), {TextBytes / 32}), 'active', 1, 'EUR', now(), false FROM generate_series(1, {rows}) AS n
            """), cancellationToken);
        Snowflake(updatedAt => Sql($$"""
            INSERT INTO FINANCIAL_TRANSACTIONS
            SELECT {{FirstKey}} + n, {{FirstKey}} + n % {{Parents}}, 'payment', 1, 'EUR', 'settled', 'waiting', {{updatedAt}}, '{"text": "' || repeat(md5(n::text), {{TextBytes / 32}}) || '"}', {{updatedAt}} FROM range(1, {{rows + 1}}) AS waiting(n)
            """));
    }

    public async Task SendParentsAsync(bool areEven, CancellationToken cancellationToken)
    {
        var remainder = areEven ? 0 : 1;
        _parents += Parents / 2;
        await PostgresAsync(Sql($$"""
            INSERT INTO public.users (user_id, email, country, registration_date, is_active, preferences)
            SELECT {{FirstKey}} + n, 'waited.for@example.com', 'DE', '2026-01-01', true, '{}' FROM generate_series(0, {{Parents - 1}}) AS n WHERE n % 2 = {{remainder}}
            """), cancellationToken);
        // A day on which there are orders anyway.
        Snowflake(updatedAt => Sql($"""
            INSERT INTO CUSTOMER_ORDERS
            SELECT {FirstKey} + n, {FirstKey} + n, 'Waited For', 'waited.for@example.com', CAST({updatedAt} AS DATE) - 7, 1, 'paid', 'card', {updatedAt} FROM range(0, {Parents}) AS parents(n) WHERE n % 2 = {remainder}
            """));
    }

    private async Task PostgresAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = sources.Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private void Snowflake(Func<string, string> insert)
    {
        using var transaction = sources.Snowflake.Database.Begin();
        transaction.Execute(insert($"TIMESTAMPTZ '{transaction.StartedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture)}+00'"));
        transaction.Commit();
    }

    private static string Sql(FormattableString sql) => sql.ToString(CultureInfo.InvariantCulture);
}
