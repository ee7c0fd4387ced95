using System.Text;
using Npgsql;

namespace Pipeline.Sources.Postgres.Client;

/// <summary>The server's ErrorResponse (manual 55.8): fields, each a code byte and a text that ends with zero.</summary>
internal static class ErrorMessage
{
    public static PostgresException Parse(ReadOnlySpan<byte> content)
    {
        var (severity, state, message, routine) = ("ERROR", "XX000", "unknown error", "");
        while (content.Length > 1)
        {
            var end = content.IndexOf((byte)0);
            if (end <= 0) break;
            var text = Encoding.UTF8.GetString(content[1..end]);
            switch (content[0])
            {
                case (byte)'V': severity = text; break;
                case (byte)'C': state = text; break;
                case (byte)'M': message = text; break;
                case (byte)'R': routine = text; break;
            }

            content = content[(end + 1)..];
        }

        return new PostgresException(message, severity, severity, state, routine: routine);
    }

    /// <summary>After a fatal error the server closes the connection.</summary>
    public static bool IsFatal(PostgresException error) => error.InvariantSeverity is "FATAL" or "PANIC";
}
