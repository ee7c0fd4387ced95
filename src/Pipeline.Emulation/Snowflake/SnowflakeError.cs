namespace Pipeline.Emulation.Snowflake;

/// <summary>A failure as the SQL API reports it.</summary>
internal sealed class SnowflakeError(int status, string code, string sqlState, string message) : Exception(message)
{
    public int Status { get; } = status;

    public string Code { get; } = code;

    public string SqlState { get; } = sqlState;

    public static SnowflakeError BadRequest(string message) => new(400, "390142", "08001", message);

    public static SnowflakeError Sql(string code, string sqlState, string message) => new(422, code, sqlState, message);

    public static SnowflakeError InvalidToken() => new(401, "390303", "08001", "Invalid OAuth access token.");

    public static SnowflakeError ExpiredToken() => new(401, "390318", "08001", "OAuth access token expired.");

    public static SnowflakeError InvalidJwt() => new(401, "390144", "08001", "JWT token is invalid.");

    public static SnowflakeError MissingObject(string kind, string name, string sqlState) =>
        Sql("002003", sqlState, $"SQL compilation error:\n{kind} '{name}' does not exist or not authorized.");

    public static SnowflakeError UnknownStatement() => Sql("000709", "02000", "Statement not found.");

    public static SnowflakeError Cancelled() => Sql("000604", "57014", "SQL execution canceled");
}
