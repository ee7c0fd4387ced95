namespace Pipeline.Sources.Postgres.Client;

/// <summary>
/// What our sessions are like, whatever the settings of server, database and role: every value that the server turns into text has one
/// form; names and texts in statements mean what they say; a row-level security policy fails the query instead of hiding rows; no time-out
/// cuts a window or a snapshot; a role that is read-only by default makes what capture needs; no function of somebody else's schema is
/// taken for the server's.
/// </summary>
internal static class SessionSettings
{
    /// <summary>As the parameter <c>options</c> of a connection.</summary>
    public const string AtStart = "-c timezone=UTC " + WithoutZone;

    /// <summary>Those that leave the role's own time zone.</summary>
    public const string WithoutZone =
        "-c datestyle=ISO -c intervalstyle=iso_8601 -c bytea_output=hex -c extra_float_digits=1 -c quote_all_identifiers=off -c standard_conforming_strings=on "
        + "-c row_security=off -c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0 -c default_transaction_read_only=off "
        + "-c default_transaction_isolation=read\\ committed -c search_path=pg_catalog";

    private const int FirstWithIdleTimeout = 14;
    private const int FirstWithTransactionTimeout = 17;

    /// <summary>Said of a session that has not what it was given.</summary>
    public const string DoNotLast = "the settings of a session do not last";

    /// <summary>One of them that the server tells of by itself: what it says otherwise has not come from a server that was given them.</summary>
    public static (string Name, string Value) Reported => ("IntervalStyle", "iso_8601");

    /// <summary>
    /// The statement that takes the limits away that not every version has: of whole transactions, a snapshot's and a large one's in the
    /// stream too, and of sessions that wait for the next look. Null: the version has none.
    /// </summary>
    /// <param name="version">The server's major version.</param>
    public static string? WithoutLimits(int version) => version switch
    {
        >= FirstWithTransactionTimeout => "set transaction_timeout = 0; set idle_session_timeout = 0",
        >= FirstWithIdleTimeout => "set idle_session_timeout = 0",
        _ => null,
    };
}
