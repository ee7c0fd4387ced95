using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Sources.Snowflake;

/// <summary>Configures a table by what the URL says of who reads it and how, and by what the account says of its columns.</summary>
internal static class SnowflakeDraft
{
    private const string Form = "snowflake://USER@ORG-ACCOUNT/DATABASE?role=ROLE&warehouse=WAREHOUSE&key-file=KEY.pem&watermark=COLUMN&key=COLUMN,…";

    /// <summary>Nothing is asked: which of an account's tables may be read, and by what, its URL says.</summary>
    public static ValueTask<IReadOnlyList<DiscoveredTable>> DiscoverAsync(SourceUrl url, SourceServices services, CancellationToken cancellationToken) =>
        throw new PipelineException(FaultKind.Invalid, url.Thing, "its tables are not listed here", "List them in Snowflake: SHOW TABLES IN DATABASE. Then name one: SCHEMA.TABLE.");

    public static async ValueTask<TableDraft> OfAsync(SourceUrl url, string table, string password, SourceServices services, CancellationToken cancellationToken)
    {
        url.AllowOptions("role", "warehouse", "key-file", "token-url", "account-url", "watermark", "key");
        if (url.Path is not [var database]) throw Missing(url, "it does not name one database");
        if (url.Username is not { } username) throw Missing(url, "it does not say as whom to read");
        var (role, warehouse, watermark, key) = (Required(url, "role"), Required(url, "warehouse"), Required(url, "watermark"), Required(url, "key").Split(','));
        if (table.Split('.') is not [var schema, var name]) throw new PipelineException(FaultKind.Invalid, url.Thing, $"'{table}' is not SCHEMA.TABLE", "Write both, in the letters that SHOW TABLES prints.");
        var account = Address(url, "account-url", url.Option("account-url") ?? $"https://{url.Hosts[0].Host}.snowflakecomputing.com");
        var isKeyPair = url.Option("key-file") is not null;
        var options = new SnowflakeSourceOptions
        {
            Name = TableDraft.NameOf(database),
            AccountUrl = account,
            Role = role,
            Warehouse = warehouse,
            Database = database,
            Schema = schema,
            Security = isKeyPair ? new SnowflakeSecurityOptions.KeyPair(url.Hosts[0].Host, username, new Secret($"secret:file:{url.Option("key-file")}"), KeyPassword: null)
                : new SnowflakeSecurityOptions.OAuth(TokenUrl(url), username, url.Password ?? new Secret(""), $"session:role:{role}"),
            Tables = [new SnowflakeTableOptions(TableDraft.NameOf(name), name, watermark, key)],
        };
        var described = await DescribeAsync(options, services, cancellationToken);
        string[] settings =
        [
            "type = snowflake",
            $"account-url = {TableDraft.Quote(account.OriginalString)}, role = {TableDraft.Quote(role)}, warehouse = {TableDraft.Quote(warehouse)}, database = {TableDraft.Quote(database)}, schema = {TableDraft.Quote(schema)}",
            isKeyPair ? $"security {{ method = key-pair, account = {TableDraft.Quote(url.Hosts[0].Host)}, username = {TableDraft.Quote(username)}, key-pem = {TableDraft.Quote($"secret:file:{url.Option("key-file")}")} }}"
                : $"security {{ method = oauth, token-url = {TableDraft.Quote(url.Option("token-url")!)}, client-id = {TableDraft.Quote(username)}, client-secret = {password} }}",
        ];
        return new TableDraft(options.Name, options.Tables[0].Name, settings, $"table = {TableDraft.Quote(name)}, watermark = {TableDraft.Quote(watermark)}, key = [{string.Join(", ", key.Select(TableDraft.Quote))}]", described, [.. key.Select(column => described.FirstOrDefault(known => known.Name.Equals(column, StringComparison.OrdinalIgnoreCase))?.Name ?? column)])
        {
            Notes = [$"It is read by {watermark}: deleted rows are not seen."],
        };
    }

    private static async ValueTask<IReadOnlyList<DraftColumn>> DescribeAsync(SnowflakeSourceOptions options, SourceServices services, CancellationToken cancellationToken)
    {
        await using var source = new SnowflakeSourceDefinition(options).Open(services);
        var schema = await source.DescribeAsync(options.Tables[0].Name, cancellationToken);
        return [.. schema.FieldsList.Where(field => field.Name is not (BronzeColumns.Op or BronzeColumns.Position)).Select(field => new DraftColumn(field.Name, field.DataType, IsRequired: false))];
    }

    private static Uri TokenUrl(SourceUrl url) => Address(url, "token-url", url.Option("token-url") ?? throw Missing(url, "it says neither key-file nor token-url, by which to prove who reads"));

    private static Uri Address(SourceUrl url, string option, string text)
    {
        var address = HttpAddress.TryParse(text);
        if (address is not null && !HttpAddress.IsPlain(address)) return address;
        throw new PipelineException(FaultKind.Invalid, url.Thing, $"{option}: {(address is null ? HttpAddress.Refusal(text) : $"it {TlsRule.InPlainText(address)}")}", $"Write {HttpAddress.Form}.");
    }

    private static string Required(SourceUrl url, string option) => url.Option(option) is { Length: > 0 } value ? value : throw Missing(url, $"it does not say {option}");

    private static PipelineException Missing(SourceUrl url, string cause) => new(FaultKind.Invalid, url.Thing, cause, $"Write {Form}.");
}
