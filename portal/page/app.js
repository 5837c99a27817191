<title></title>
