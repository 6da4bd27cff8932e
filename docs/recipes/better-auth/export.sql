SELECT "user".id, "user".email, "user".name, "user"."emailVerified", account.password
     , organization.slug AS organization_slug, organization.name AS organization_name -- organization
     , member.role -- organization
FROM "user"
LEFT JOIN account ON account."userId" = "user".id AND account."providerId" = 'credential'
LEFT JOIN member ON member."userId" = "user".id -- organization
LEFT JOIN organization ON organization.id = member."organizationId" -- organization
WHERE "user".banned IS NOT TRUE -- admin
ORDER BY "user".id
       , organization.id -- organization
;
