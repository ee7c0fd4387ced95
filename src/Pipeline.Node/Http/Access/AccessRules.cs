using Microsoft.AspNetCore.Http;
using Pipeline.Operations.Control;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Http.Access;

/// <summary>Who may ask what: a function of what is known of a request.</summary>
internal static class AccessRules
{
    /// <summary>Why it is not answered; null: it is.</summary>
    public static AccessRefusal? Refuse(AccessQuestion asked)
    {
        var needed = asked.Needed;
        if (asked.IsLocal) return RefuseRole(asked) ?? RefuseBody(asked);
        // As if they were not there.
        if (needed != ApiAccess.Open && !asked.IsWeb) return NotWeb;
        // A page in a browser may ask under a name of its own that it has pointed at this node (DNS rebinding): then the browser lets it read the answer.
        if (!asked.HostIsOwn && (needed != ApiAccess.Open || asked.IsLoopback)) return Misdirected;
        if (needed == ApiAccess.Open) return null;
        if (asked.IsSameOrigin == false || asked.FetchSite is not (null or "same-origin" or "none")) return Foreign;
        // A browser's own cookie is no proof that the browser's user wants what a page has sent.
        if (!asked.IsReading && asked.Caller is { Proof: CallerProof.Session } && asked.IsSameOrigin != true && asked.FetchSite != "same-origin") return Foreign;
        return RefuseRole(asked) ?? RefuseBody(asked);
    }

    /// <summary>Who may have something changed: what cannot be changed back is an admin's, and so is what nobody has thought of.</summary>
    public static AccessRole RoleOf(ControlVerb verb) => verb is ControlVerb.Pause or ControlVerb.Drain or ControlVerb.Resume or ControlVerb.Schedule or ControlVerb.Unschedule or ControlVerb.Trigger or ControlVerb.Redrive or ControlVerb.Restart or ControlVerb.Cancel or ControlVerb.LogLevel
        ? AccessRole.Operator : AccessRole.Admin;

    /// <summary>Why somebody may not have it changed; null: he may.</summary>
    public static AccessRefusal? Refuse(ControlVerb verb, Caller caller) => RefuseLess(RoleOf(verb), caller);

    private static AccessRefusal? RefuseRole(AccessQuestion asked)
    {
        if (asked.Needed.ToRole() is not { } needed) return null;
        return asked.Caller is { } caller ? RefuseLess(needed, caller) : Unknown;
    }

    private static AccessRefusal? RefuseLess(AccessRole needed, Caller caller) => caller.Role >= needed ? null
        : new AccessRefusal(StatusCodes.Status403Forbidden, "forbidden", $"it needs the role {needed.ToString().ToLowerInvariant()}, and {caller.Name} has {caller.Role?.ToString().ToLowerInvariant() ?? "none"}",
            "Use a token that has it: http.access.roles says which may what.");

    private static AccessRefusal? RefuseBody(AccessQuestion asked) => asked.BodyIsJson == false
        ? new AccessRefusal(StatusCodes.Status415UnsupportedMediaType, "not_json", "its body is not JSON", "Send it with Content-Type: application/json.") : null;

    private static readonly AccessRefusal NotWeb = new(StatusCodes.Status404NotFound, "not_web", "this node answers it by its socket only", "Ask on its machine without --url, or ask a node of role web (cluster.roles).");

    private static readonly AccessRefusal Misdirected = new(StatusCodes.Status421MisdirectedRequest, "misdirected", "this node does not answer to the name that it was sent to",
        "Ask for localhost, 127.0.0.1 or the node's address, or add the name to http.names.");

    private static readonly AccessRefusal Foreign = new(StatusCodes.Status403Forbidden, "foreign", "a page of another origin has sent it", "Ask from this node's own address, or by a program with a token.");

    private static readonly AccessRefusal Unknown = new(StatusCodes.Status401Unauthorized, "unauthenticated", "it shows no token, or one that is good no more",
        "Send Authorization: Bearer TOKEN; 'pipeline token issue NAME' makes one.");
}
