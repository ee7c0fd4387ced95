using Pipeline.Operations.Options;

namespace Pipeline.Node.Http.Access;

/// <summary>What somebody must show for an endpoint.</summary>
internal enum ApiAccess
{
    /// <summary>Nothing: whoever reaches the address is answered.</summary>
    Open,

    /// <summary>A word that is good once, which the request carries and the endpoint looks at.</summary>
    Code,

    Viewer,
    Operator,
    Admin,
}

internal static class ApiAccesses
{
    /// <summary>Null: no role is needed.</summary>
    public static AccessRole? ToRole(this ApiAccess access) => access switch
    {
        ApiAccess.Viewer => AccessRole.Viewer,
        ApiAccess.Operator => AccessRole.Operator,
        ApiAccess.Admin => AccessRole.Admin,
        _ => null,
    };
}
