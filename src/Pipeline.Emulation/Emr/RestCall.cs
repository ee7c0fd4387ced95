namespace Pipeline.Emulation.Emr;

/// <summary>A request of EMR Serverless: its operation is its method and its path.</summary>
internal sealed record RestCall(string Operation, string Application, string? Job, IReadOnlyDictionary<string, string> Query)
{
    /// <summary>Null: it is none.</summary>
    public static RestCall? Of(EmrRequest request)
    {
        var split = request.Path.IndexOf('?', StringComparison.Ordinal);
        var parts = (split < 0 ? request.Path : request.Path[..split]).Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts is not ["applications", var application, ..]) return null;
        var operation = (request.Method, parts.Length, parts.ElementAtOrDefault(2), parts.ElementAtOrDefault(4)) switch
        {
            ("GET", 2, _, _) => "GetApplication",
            ("POST", 3, "jobruns", _) => "StartJobRun",
            ("GET", 3, "jobruns", _) => "ListJobRuns",
            ("GET", 4, "jobruns", _) => "GetJobRun",
            ("DELETE", 4, "jobruns", _) => "CancelJobRun",
            ("GET", 5, "jobruns", "dashboard") => "GetDashboardForJobRun",
            _ => null,
        };
        return operation is null ? null : new RestCall(operation, application, parts.ElementAtOrDefault(3), QueryOf(split < 0 ? "" : request.Path[(split + 1)..]));
    }

    private static Dictionary<string, string> QueryOf(string query)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = pair.Split('=', 2);
            values[Uri.UnescapeDataString(parts[0])] = Uri.UnescapeDataString(parts.ElementAtOrDefault(1) ?? "");
        }

        return values;
    }
}
